//! What happens around every request, from the outside in: `cors` (viewers of other origins), `trace` (id, span, metrics), `render` (problem
//! bodies, security headers), `panics`, and per route group `guard` (credentials, roles, quota).

mod cors;
mod guard;
mod panics;
mod quota;
mod render;
mod trace;

pub use cors::is_origin;

pub(crate) use cors::cors;
pub(crate) use guard::{Guard, guard};
pub(crate) use panics::catch_panics;
pub(crate) use quota::Quota;
pub(crate) use render::render;
pub(crate) use trace::{RequestId, trace};
