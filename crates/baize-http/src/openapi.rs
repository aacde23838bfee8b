//! The description of the interface, made from the handlers and from the tables that they obey.

mod examples;
mod parameters;

use utoipa::openapi::path::Operation;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem, Ref,
    RefOr,
};

use crate::access::Group;
use crate::dto::{CompletedDto, LaggedDto, ProblemDto, ReceivedDto, ReportedDto, TriageRaisedDto};
use crate::routes;

/// The OpenAPI description of every route that [`router`](crate::router) serves.
pub fn openapi() -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Baize")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Findings for radiographs: DICOM in, coded findings with probability, threshold and evidence out. \
             Triage: complaint and vital signs in, level with its reasons out. \
             For research use only; not a medical device. Errors are RFC 9457 problems.",
        ))
        .license(Some(license))
        .build();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API key, or a JWT with the claims exp, iss, aud, sub and roles"))
        .build();
    let components = ComponentsBuilder::new()
        .security_scheme("bearer", SecurityScheme::Http(bearer))
        .security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))))
        // Only the event stream's text refers to these.
        .schema_from::<ReceivedDto>()
        .schema_from::<ReportedDto>()
        .schema_from::<CompletedDto>()
        .schema_from::<TriageRaisedDto>()
        .schema_from::<LaggedDto>()
        .schema_from::<ProblemDto>()
        .build();
    let mut document = OpenApiBuilder::new().info(info).components(Some(components)).build();
    for (group, routes) in routes::groups() {
        let mut part = routes.into_openapi();
        for operation in part.paths.paths.values_mut().flat_map(operations) {
            complete(operation, group);
        }
        document.merge(part);
    }
    refine(&mut document);
    document
}

/// Makes bodies and parameters say all that is known of them.
fn refine(document: &mut OpenApi) {
    let schemas =
        serde_json::to_value(&document.components).map(|all| all["schemas"].clone()).unwrap_or_default();
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(parameter) = parameter {
                    parameters::refine(parameter);
                }
            }
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                for (media, content) in &mut body.content {
                    if let RefOr::T(content) = content {
                        examples::complete(path, media, None, content, &schemas);
                    }
                }
            }
            for (status, response) in &mut operation.responses.responses {
                let RefOr::T(response) = response else { continue };
                for (media, content) in &mut response.content {
                    if let RefOr::T(content) = content {
                        examples::complete(
                            path,
                            media,
                            Some((status, &response.description)),
                            content,
                            &schemas,
                        );
                    }
                }
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch].into_iter().flatten()
}

/// Adds what follows from the group: who may call, with which credentials, and the errors of every route.
fn complete(operation: &mut Operation, group: Group) {
    let mut errors = vec![("500", "Our own trouble")];
    if let Some(roles) = group.roles() {
        let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        let description = operation.description.get_or_insert_default();
        if !description.is_empty() {
            description.push_str("\n\n");
        }
        description.push_str(&format!("Roles: {}.", names.join(", ")));
        let none: [&str; 0] = [];
        operation.security =
            Some(vec![SecurityRequirement::new("bearer", none), SecurityRequirement::new("api_key", none)]);
        errors.extend([
            ("400", "The request is not understood; `detail`, or `errors` for triage, names the field"),
            ("401", "No or wrong credentials"),
            ("403", "The role does not allow this"),
            ("503", "No capacity now, or shutting down; try again after `Retry-After`"),
        ]);
        if group.counts_in_flight() {
            errors
                .push(("429", "This client has too many requests under way; try again after `Retry-After`"));
        }
    }
    for (status, description) in errors {
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(problem(description)));
    }
}

fn problem(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}
