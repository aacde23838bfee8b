//! What is asked of other systems about studies, from the configuration.

use std::sync::Arc;

use baize_core::SystemClock;
use baize_core::ports::OrderSource;
use baize_dicom::scu::{Archive, Worklist};
use baize_engine::Engine;
use baize_lookup::{Lookup, Parts, Relevance, Source};
use baize_store::SqliteLedger;

use super::peers::peer;
use crate::config::Config;

/// The lookup, with the ledger told what is asked.
///
/// # Errors
/// A name that is not configured; a ledger that cannot be written.
pub(super) async fn open(
    config: &Config,
    ledger: Arc<SqliteLedger>,
    engine: Arc<Engine>,
) -> anyhow::Result<Arc<Lookup>> {
    let priors = &config.priors;
    let source = |name: &String| -> anyhow::Result<Source> {
        let peer = peer(config, name)?;
        let our_ae = config.dimse.ae_title.clone();
        let archive = Archive { scu: peer.scu, our_ae, charset: peer.charset };
        Ok(Source { name: name.clone(), archive: Arc::new(archive) })
    };
    let worklist = |name: &String| -> anyhow::Result<Arc<dyn OrderSource>> {
        let peer = peer(config, name)?;
        Ok(Arc::new(Worklist { scu: peer.scu, charset: peer.charset }))
    };
    let parts = Parts {
        inquiries: ledger,
        urgency: engine,
        sources: priors.from.iter().map(source).collect::<anyhow::Result<_>>()?,
        relevance: Relevance {
            most: priors.most,
            months: priors.months,
            same_modality: priors.same_modality,
            same_body_part: priors.same_body_part,
        },
        orders: config.worklist.node.as_ref().map(worklist).transpose()?,
        clock: Arc::new(SystemClock),
    };
    Ok(Arc::new(Lookup::open(parts).await?))
}
