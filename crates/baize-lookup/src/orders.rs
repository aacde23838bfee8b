//! How urgent the order of a study is.

use baize_core::ports::{Inquiry, LinkLost, OrderKey};
use baize_core::{Fault, Lane};

use crate::Lookup;
use crate::service::Answer;

impl Lookup {
    /// Asks the worklist, and raises the study to what its order says.
    pub(crate) async fn order(&self, inquiry: &Inquiry) -> Result<Answer, Fault> {
        let Some(worklist) = &self.parts.orders else {
            return Ok(Answer::Settled("no worklist is configured any more".to_owned()));
        };
        let key = OrderKey {
            study: inquiry.study.clone(),
            accession: inquiry.facts.accession.clone(),
            patient_id: inquiry.facts.patient_id.clone(),
        };
        let lane = match worklist.lane_of(&key).await {
            Ok(lane) => lane,
            Err(LinkLost(reason)) => return Ok(Answer::Later(reason)),
        };
        Ok(Answer::Settled(match lane {
            None => "the worklist has no order for the study".to_owned(),
            Some(Lane::Routine) => "the order is a routine one".to_owned(),
            Some(lane) => {
                if self.parts.urgency.raise(&inquiry.study, lane).await? {
                    self.metrics.raised();
                }
                format!("the order asks for the {lane} lane")
            }
        }))
    }
}
