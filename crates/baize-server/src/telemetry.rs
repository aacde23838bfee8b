//! Log lines and panics go to standard error; standard output belongs to results.

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Installs the subscriber and the panic hook for the whole process.
///
/// # Errors
/// A filter that does not parse, named with its key.
pub(crate) fn install(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().parse(&log.filter).with_context(|| {
        format!("log.filter = '{}' is not a filter such as info,baize_engine=debug", log.filter)
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => builder.with_ansi(false).init(),
        LogFormat::Json => builder.json().init(),
    }
    // A panic's message may quote what it choked on, which may be a patient's: only the place is logged.
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => tracing::error!(%place, "a thread panicked"),
        None => tracing::error!("a thread panicked"),
    }));
    Ok(())
}
