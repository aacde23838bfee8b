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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use baize_core::ports::{Digest, ObjectName, SpoolKey};
    use baize_core::{InstanceIdentity, ModelRef, SopUid, StudyUid, Timestamp};
    use baize_testkit::{ObjectBuilder, VirtualClock};
    use bytes::Bytes;

    use super::*;

    /// A spool and a list that may be out of order.
    #[derive(Default)]
    struct Store {
        spool_fault: Option<ErrorCode>,
        list_fault: Option<ErrorCode>,
        filed: Mutex<Vec<FiledResult>>,
    }

    fn fail(code: Option<ErrorCode>) -> Result<(), Fault> {
        code.map_or(Ok(()), |code| Err(Fault::new(code, "as asked")))
    }

    #[async_trait]
    impl Spool for Store {
        async fn put(&self, identity: &InstanceIdentity, _: &Digest, _: Bytes) -> Result<SpoolKey, Fault> {
            fail(self.spool_fault)?;
            Ok(SpoolKey(identity.sop.to_string()))
        }

        async fn get(&self, _: &SpoolKey) -> Result<Bytes, Fault> {
            unreachable!("results are written only")
        }

        async fn put_overlay(&self, _: &StudyUid, _: &SopUid, _: &ModelRef, _: Bytes) -> Result<(), Fault> {
            unreachable!("no pictures")
        }

        async fn overlay(&self, _: &StudyUid, _: &SopUid, _: &ModelRef) -> Result<Option<Bytes>, Fault> {
            unreachable!("no pictures")
        }
    }

    #[async_trait]
    impl ResultRecords for Store {
        async fn file(&self, result: FiledResult) -> Result<(), Fault> {
            fail(self.list_fault)?;
            self.filed.lock().unwrap().push(result);
            Ok(())
        }

        async fn owe_earlier(&self, _: Timestamp) -> Result<usize, Fault> {
            unreachable!("asked while starting")
        }
    }

    async fn send(store: Store, object: Bytes) -> (Result<PeerAnswer, LinkLost>, Vec<FiledResult>) {
        let store = Arc::new(store);
        let limits = Limits { max_object_bytes: 1 << 20, max_pixels: 1 << 20 };
        let clock = Arc::new(VirtualClock::at(Timestamp::from_micros(7)));
        let filing = Filing::new(store.clone(), store.clone(), clock, limits);
        let name = ObjectName { sop_class: String::new(), sop_instance: String::new() };
        let mut handover = filing.connect(&[], Lane::Routine).await.unwrap();
        let answer = handover.send(&Rendition { name, object }).await;
        handover.close().await;
        (answer, store.filed.lock().unwrap().clone())
    }

    #[tokio::test]
    async fn an_object_is_acknowledged_once_it_is_kept_and_listed() {
        let object = ObjectBuilder::chest(1);
        let (answer, filed) = send(Store::default(), object.build()).await;
        assert_eq!(answer, Ok(PeerAnswer::Status(SUCCESS, None)));
        assert_eq!(filed.len(), 1);
        assert_eq!(filed[0].identity.study.as_str(), object.study_uid());
        assert_eq!(filed[0].spool_key.0, filed[0].identity.sop.as_str());
        assert_eq!(
            (filed[0].modality.as_deref(), filed[0].filed_at),
            (Some("CR"), Timestamp::from_micros(7))
        );
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_and_what_cannot_be_is_refused() {
        let spool = |code| Store { spool_fault: Some(code), ..Store::default() };
        let list = |code| Store { list_fault: Some(code), ..Store::default() };
        let image = || ObjectBuilder::chest(1).build();
        for (store, object, expected) in [
            (
                spool(ErrorCode::SpoolFull),
                image(),
                Ok(PeerAnswer::Status(OUT_OF_RESOURCES, Some("as asked".to_owned()))),
            ),
            (spool(ErrorCode::StorageFailed), image(), Err(LinkLost("as asked".to_owned()))),
            (list(ErrorCode::StorageFailed), image(), Err(LinkLost("as asked".to_owned()))),
            (list(ErrorCode::Internal), image(), Ok(PeerAnswer::NotTaken("as asked".to_owned()))),
        ] {
            let (answer, filed) = send(store, object).await;
            assert_eq!((answer, filed), (expected, Vec::new()));
        }
        let (answer, _) = send(Store::default(), Bytes::from_static(b"no object")).await;
        assert!(matches!(answer, Ok(PeerAnswer::NotTaken(_))), "{answer:?}");
    }
}
