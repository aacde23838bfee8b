//! The description of the interface, made from the handlers and from the tables that they obey.

mod examples;
mod parameters;

use utoipa::openapi::path::Operation;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem, Ref,
    RefOr, Required,
};

use crate::access::Group;
use crate::dto::{CompletedDto, LaggedDto, ProblemDto, ReceivedDto, ReportedDto, TriageRaisedDto};
use crate::fhir::is_fhir;
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
        .schema("OperationOutcome", operation_outcome())
        .build();
    let mut document = OpenApiBuilder::new().info(info).components(Some(components)).build();
    for (group, routes) in routes::groups() {
        let mut part = routes.into_openapi();
        for (path, item) in &mut part.paths.paths {
            let form = if is_fhir(path) { Form::Outcome } else { Form::Problem };
            operations(item).for_each(|operation| complete(operation, group, form));
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
                if path.ends_with("/_search") {
                    // A search without parameters finds everything.
                    body.required = Some(Required::False);
                }
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
fn complete(operation: &mut Operation, group: Group, form: Form) {
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
    if matches!(form, Form::Outcome) && group.roles().is_some() {
        errors.extend([("404", "There is no such resource"), ("406", "Something else than JSON is wanted")]);
    }
    for (status, description) in errors {
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(problem(description, form)));
    }
    if matches!(form, Form::Outcome) {
        // What a route says of its own errors has the same form.
        for (status, response) in &mut operation.responses.responses {
            if let RefOr::T(response) = response
                && status.as_str() >= "400"
            {
                *response = problem(&response.description, form);
            }
        }
    }
}

/// What went wrong, as FHIR has it. Its `issue` is what a program needs.
fn operation_outcome() -> Object {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let issue = ObjectBuilder::new()
        .property("severity", text())
        .property("code", text().description(Some("A code of the value set issue-type")))
        .property("details", ObjectBuilder::new().property("text", text()))
        .property("diagnostics", text().description(Some("What went wrong here, in English")))
        .required("severity")
        .required("code");
    ObjectBuilder::new()
        .description(Some("An error, as HL7 FHIR R4 has it"))
        .property("resourceType", text().enum_values(Some(["OperationOutcome"])))
        .property("issue", ArrayBuilder::new().items(issue))
        .required("resourceType")
        .required("issue")
        .build()
}

/// How errors are written.
#[derive(Clone, Copy)]
enum Form {
    /// RFC 9457.
    Problem,
    /// OperationOutcome of FHIR.
    Outcome,
}

fn problem(description: &str, form: Form) -> Response {
    let (schema, media_type) = match form {
        Form::Problem => ("Problem", "application/problem+json"),
        Form::Outcome => ("OperationOutcome", "application/fhir+json"),
    };
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema)));
    let content = match form {
        // Completed with that of its status.
        Form::Problem => content,
        Form::Outcome => content.example(Some(serde_json::json!({
            "resourceType": "OperationOutcome",
            "issue": [{ "severity": "error", "code": "invalid", "details": { "text": description } }],
        }))),
    };
    ResponseBuilder::new().description(description).content(media_type, content.build()).build()
}
