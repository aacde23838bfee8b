//! Why an engine cannot be started.

use std::io;

use baize_core::Fault;

/// An engine that cannot be started, or whose models do not run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A setting contradicts another.
    #[error("engine settings: {0}")]
    Config(&'static str),
    /// Routing rules or gate don't fit the models that are loaded.
    #[error("{0}")]
    Guidance(String),
    /// The operating system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
    /// Not called from within a Tokio runtime.
    #[error("the engine needs a Tokio runtime: {0}")]
    Runtime(#[from] tokio::runtime::TryCurrentError),
    /// Jobs that an earlier process had begun cannot be opened again.
    #[error("the ledger cannot be read: {0}")]
    Ledger(Fault),
    /// A model does not run on the device.
    #[error("warm-up failed: {0}")]
    WarmUp(Fault),
    /// The device was lost, or the engine stopped, before all models were warm.
    #[error("the engine stopped before its models were warm")]
    Stopped,
}
