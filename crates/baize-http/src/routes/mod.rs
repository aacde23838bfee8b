//! The handlers, by what they are about. DICOMweb has modules of its own: `stow` and `dicomweb`.

mod arrival;
mod docs;
mod events;
mod findings;
mod health;
mod heat;
mod hospital;
mod infer;
mod outbox;
mod overlay;
mod reconciliation;
mod reviews;
mod studies;
mod triage;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Group;
use crate::app::AppState;
use crate::dicomweb::{metadata, pixels, rendered, retrieve, search, thumbnail};
use crate::fhir::routes as fhir;
use crate::stow;

pub(crate) type Routes = OpenApiRouter<Arc<AppState>>;

/// Every route, by who may call it.
pub(crate) fn groups() -> Vec<(Group, Routes)> {
    let group = Routes::default;
    vec![
        (
            Group::Open,
            group()
                .routes(routes!(health::live))
                .routes(routes!(health::ready))
                .routes(routes!(health::version)),
        ),
        (Group::Docs, group().routes(routes!(docs::openapi_json))),
        (
            Group::Store,
            group()
                .routes(routes!(stow::store_studies))
                .routes(routes!(stow::store_study))
                .routes(routes!(arrival::expect)),
        ),
        (
            Group::Search,
            group()
                .routes(routes!(search::search_studies))
                .routes(routes!(search::search_series))
                .routes(routes!(search::search_series_of_study))
                .routes(routes!(search::search_instances))
                .routes(routes!(search::search_instances_of_study))
                .routes(routes!(search::search_instances_of_series)),
        ),
        (
            Group::Retrieve,
            group()
                .routes(routes!(retrieve::retrieve_study))
                .routes(routes!(retrieve::retrieve_series))
                .routes(routes!(retrieve::retrieve_instance))
                .routes(routes!(metadata::metadata_of_study))
                .routes(routes!(metadata::metadata_of_series))
                .routes(routes!(metadata::metadata_of_instance))
                .routes(routes!(pixels::retrieve_frames))
                .routes(routes!(pixels::retrieve_bulk))
                .routes(routes!(rendered::render_instance))
                .routes(routes!(rendered::render_frame))
                .routes(routes!(thumbnail::thumbnail_of_study))
                .routes(routes!(thumbnail::thumbnail_of_series))
                .routes(routes!(thumbnail::thumbnail_of_instance))
                .routes(routes!(thumbnail::thumbnail_of_frame)),
        ),
        (Group::Infer, group().routes(routes!(infer::infer))),
        (Group::Studies, group().routes(routes!(studies::list)).routes(routes!(studies::one))),
        (
            Group::Findings,
            group()
                .routes(routes!(findings::of_study))
                .routes(routes!(heat::heat))
                .routes(routes!(heat::heat_picture))
                .routes(routes!(reviews::of_image)),
        ),
        (
            Group::Hospital,
            group()
                .routes(routes!(hospital::encounter))
                .routes(routes!(hospital::orders))
                .routes(routes!(reconciliation::waiting)),
        ),
        (
            Group::Reconcile,
            group()
                .routes(routes!(reconciliation::match_them))
                .routes(routes!(reconciliation::unmatch))
                .routes(routes!(reconciliation::dismiss)),
        ),
        (Group::Review, group().routes(routes!(reviews::add))),
        (Group::Pictures, group().routes(routes!(overlay::overlay))),
        (Group::Events, group().routes(routes!(events::events))),
        (
            Group::Triage,
            group()
                .routes(routes!(triage::assess))
                .routes(routes!(triage::newer_vitals))
                .routes(routes!(triage::nurse_level))
                .routes(routes!(triage::acknowledge)),
        ),
        (Group::TriageRecord, group().routes(routes!(triage::visit)).routes(routes!(triage::unacknowledged))),
        (Group::Open, fhir::open_routes()),
        (Group::Fhir, fhir::read_routes()),
        (Group::Subscriptions, crate::fhir::subscriptions::routes()),
        (Group::Outbox, group().routes(routes!(outbox::deliveries)).routes(routes!(outbox::retry))),
    ]
}
