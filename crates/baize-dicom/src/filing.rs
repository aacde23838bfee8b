//! The way of our results into our own archive, where DICOMweb lists them beside the images that they are about.
//!
//! A [`Courier`] like the one to another archive, so that the outbox makes the same promises: an object is acknowledged
//! once its bytes are in the spool and the ledger lists it, and until then it is tried again.

use std::sync::Arc;

use async_trait::async_trait;
use baize_core::ports::{
    Courier, FiledResult, Handover, LinkLost, PeerAnswer, Rendition, ResultRecords, Spool,
};
use baize_core::{Clock, ErrorClass, ErrorCode, Fault, Lane};
use baize_imaging::{Header, Limits, read_header};

/// Success, and "Refused: Out of Resources" (PS3.4 table B.2-1): what another archive would have answered.
const SUCCESS: u16 = 0x0000;
const OUT_OF_RESOURCES: u16 = 0xA700;

/// Files result objects.
#[derive(Clone)]
pub struct Filing {
    spool: Arc<dyn Spool>,
    records: Arc<dyn ResultRecords>,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

impl std::fmt::Debug for Filing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filing").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Filing {
    /// Bytes go to `spool`, the list to `records`.
    pub fn new(
        spool: Arc<dyn Spool>,
        records: Arc<dyn ResultRecords>,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Self {
        Self { spool, records, clock, limits }
    }

    async fn file(&self, object: &Rendition) -> Result<(), Fault> {
        let (bytes, limits) = (object.object.clone(), self.limits);
        // Hashes megabytes: not on a thread that serves requests.
        let header: Header = tokio::task::spawn_blocking(move || read_header(&bytes, &limits))
            .await
            .map_err(|_| Fault::new(ErrorCode::Internal, "reading a result object ended unexpectedly"))??;
        let spool_key = self.spool.put(&header.identity, &header.digest, object.object.clone()).await?;
        let modality = header.facts.modality;
        let filed_at = self.clock.now();
        self.records.file(FiledResult { identity: header.identity, modality, spool_key, filed_at }).await
    }
}

#[async_trait]
impl Courier for Filing {
    async fn connect(&self, _: &[Rendition], _: Lane) -> Result<Box<dyn Handover>, LinkLost> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Handover for Filing {
    async fn send(&mut self, object: &Rendition) -> Result<PeerAnswer, LinkLost> {
        match self.file(object).await {
            Ok(()) => Ok(PeerAnswer::Status(SUCCESS, None)),
            Err(fault) if fault.code.class() == ErrorClass::Overload => {
                Ok(PeerAnswer::Status(OUT_OF_RESOURCES, Some(fault.message)))
            }
            Err(fault) if fault.code == ErrorCode::StorageFailed => Err(LinkLost(fault.message)),
            // It would not be otherwise the next time.
            Err(fault) => Ok(PeerAnswer::NotTaken(fault.message)),
        }
    }

    async fn close(self: Box<Self>) {}
}
