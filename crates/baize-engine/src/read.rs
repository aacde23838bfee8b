//! Reading one image while somebody waits.

use async_trait::async_trait;
use baize_core::ports::{Reader, Reading};
use baize_core::{ErrorCode, Fault, Lane, Outcome, Report};
use baize_sched::Attachment;
use bytes::Bytes;
use std::time::Duration;
use tracing::{Instrument as _, debug, info_span};

use crate::Engine;
use crate::device::DeviceState;
use crate::dispatch::Refused;
use crate::intake::came_back;
use crate::pool::Priority;
use crate::shared::{Request, outcome_of};

/// Warm-up takes seconds.
const WARM_UP_RETRY: Duration = Duration::from_secs(5);

#[async_trait]
impl Reader for Engine {
    /// Where several models may read the image, the first one loaded reads it.
    async fn read(&self, object: Bytes, lane: Lane) -> Result<Reading, Fault> {
        let shared = &self.shared;
        // Draining waits for the readers too.
        let _counted = shared.tasks.token();
        shared.check_running()?;
        check_warm(&shared.device.borrow())?;
        let memory = shared.receive(&object).await?;
        let arrived_at = shared.clock.now();
        let header = shared.header(&object, Priority::new(lane, arrived_at)).await?;
        let span = info_span!("read", study = %header.identity.study, sop = %header.identity.sop);
        let report = |model, outcome| Report {
            instance: header.identity.clone(),
            model,
            outcome,
            finished_at: shared.clock.now(),
        };
        let chosen = if header.own_result { Err(came_back()) } else { shared.models.choose(&header.facts) };
        let chosen = match chosen {
            Ok(admitted) => admitted.into_iter().next(),
            Err(fault) => {
                let refused = report(None, Outcome::Refused(fault));
                return Ok(Reading { report: refused, overlay_png: None });
            }
        };
        let Some((model, population)) = chosen else {
            return Err(Fault::new(ErrorCode::Internal, "no model was chosen and none refused"));
        };
        let deadline = arrived_at + shared.config.due.of(lane);
        let request =
            Request { model, population, lane, deadline, attachment: Attachment::Attached, study: None };
        let model = shared.models.get(model).map(baize_models::Manifest::model);
        let analysis = async {
            debug!(stage = "received");
            // From here on the slot accounts for the memory.
            let mut slot = shared.offer(&request, &header, &object).map_err(Refused::into_fault)?;
            drop(memory);
            shared.analyse(&mut slot, &request, object).await
        };
        let (outcome, overlay_png) = match analysis.instrument(span).await {
            Ok(analysis) => (analysis.outcome, Some(analysis.overlay)),
            Err(fault) => (outcome_of(fault)?, None),
        };
        Ok(Reading { report: report(model, outcome), overlay_png })
    }
}

fn check_warm(state: &DeviceState) -> Result<(), Fault> {
    match state {
        DeviceState::Ready => Ok(()),
        DeviceState::Warming => {
            let message = "the models are still warming up; try again in a few seconds";
            Err(Fault::new(ErrorCode::NotReady, message).retry_after(WARM_UP_RETRY))
        }
        DeviceState::Failed(fault) => Err(fault.clone()),
        DeviceState::Lost => Err(Fault::new(ErrorCode::DeviceLost, "the computing device was lost")),
        DeviceState::Stopped => Err(crate::dispatch::draining()),
    }
}
