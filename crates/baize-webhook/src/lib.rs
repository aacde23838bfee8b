//! Results as signed webhooks, for systems that speak neither HL7 v2 nor FHIR.
//!
//! [`JsonWording`] writes what is known of a study, or of a step at the triage desk, as one JSON document (`body`);
//! [`Webhook`] posts it. Each request carries
//!
//! - `X-Baize-Message-Id`: names the message for good. The same message may come more than once, byte for byte: keep the
//!   identifiers that were dealt with.
//! - `X-Baize-Timestamp`: when it was sent, in seconds since 1970 (UTC). Refuse what is older than five minutes.
//! - `X-Baize-Signature`: `v1=` and, in hexadecimal, HMAC-SHA256 with the shared secret over the timestamp, a full stop and
//!   the body as it came. Compare in constant time, and before the body is parsed.
//!
//! In Python: `hmac.compare_digest("v1=" + hmac.new(secret, timestamp + b"." + body, "sha256").hexdigest(), signature)`.
//!
//! An answer of 2xx means that the receiver has the message for good. 408, 425, 429, 5xx, and 401, 403, 407 (a login that a
//! person will mend) are tried again, not before `Retry-After`; so is a redirect, which is not followed. Any other 4xx is
//! final until a person retries.

mod body;
mod client;
mod secret;

pub use body::JsonWording;
pub use client::{Webhook, WebhookConfig, WebhookError};
pub use secret::Secret;
