//! Stored objects for the readers of the archive, worked out on the pool.

use async_trait::async_trait;
use baize_core::ports::{Bulk, ObjectViews, Rendering};
use baize_core::{Fault, HeatMap, Lane};
use baize_imaging::overlay::heat_layer;
use baize_imaging::{Limits, describe, picture};
use bytes::Bytes;

use crate::Engine;
use crate::pool::Priority;

impl Engine {
    /// As routine work: somebody who browses must not hold up what is to be read.
    async fn viewing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Limits) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let shared = &self.shared;
        let _counted = shared.tasks.token();
        shared.check_running()?;
        let due = shared.clock.now() + shared.config.due.of(Lane::Routine);
        let limits = shared.config.limits;
        shared.pool.run(Priority::new(Lane::Routine, due), move || work(&limits)).await
    }
}

#[async_trait]
impl ObjectViews for Engine {
    async fn header(&self, start: Bytes) -> Result<Option<String>, Fault> {
        self.viewing(move |limits| describe::header(&start, limits)).await
    }

    async fn metadata(&self, object: Bytes, bulk_url: String) -> Result<String, Fault> {
        self.viewing(move |limits| describe::metadata(&object, limits, &bulk_url)).await
    }

    async fn frames(&self, object: Bytes) -> Result<Bulk, Fault> {
        self.viewing(move |limits| describe::frames(&object, limits)).await
    }

    async fn native_frames(&self, object: Bytes, numbers: Vec<usize>) -> Result<Bulk, Fault> {
        self.viewing(move |limits| describe::native_frames(&object, limits, &numbers)).await
    }

    async fn transcode(&self, object: Bytes) -> Result<Bytes, Fault> {
        self.viewing(move |limits| describe::transcode(&object, limits)).await
    }

    async fn bulk(&self, object: Bytes, path: String) -> Result<Bulk, Fault> {
        self.viewing(move |limits| describe::bulk(&object, limits, &path)).await
    }

    async fn render(&self, object: Bytes, rendering: Rendering) -> Result<Bytes, Fault> {
        self.viewing(move |limits| picture(&object, limits, &rendering).map(Bytes::from)).await
    }

    async fn heat_layer(&self, map: HeatMap, rows: u32, columns: u32) -> Result<Bytes, Fault> {
        self.viewing(move |_| heat_layer(&map, rows, columns).map(Bytes::from)).await
    }
}
