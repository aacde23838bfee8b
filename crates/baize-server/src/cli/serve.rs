//! `baize serve`: the server, from the first check to the last drained job.

use std::process::ExitCode;

use anyhow::Context as _;
use baize_http::Role;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::say;
use crate::config::{ApiKey, Config};
use crate::{telemetry, wiring};

/// `baize serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Adds an API key with the role admin that is good until this process ends, and prints it once.
    #[arg(long)]
    one_time_key: bool,
}

impl Serve {
    /// Runs until SIGTERM, SIGINT or a lost device.
    ///
    /// # Errors
    /// Storage that cannot be opened, a model that does not load, a port that is taken.
    pub(crate) fn run(&self, mut config: Config) -> anyhow::Result<ExitCode> {
        telemetry::install(&config.log)?;
        if self.one_time_key {
            let (key, sha256) = baize_http::generate_api_key();
            config.auth.api_keys.push(ApiKey {
                name: "one-time".into(),
                sha256,
                roles: vec![Role::Admin.to_string()],
            });
            say(&format!("one-time key: {key}"));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(serve(config))
    }
}

async fn serve(config: Config) -> anyhow::Result<ExitCode> {
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM received, draining"),
            _ = interrupt.recv() => info!("interrupt received, draining"),
        }
        stop.cancel();
    });
    let server = wiring::Server::start(&config, shutdown).await?;
    say(&format!("http     {}", server.http_url()));
    say(&format!("metrics  http://{}/metrics", server.metrics_address()));
    say(&format!("dicom    {} (AE {})", server.dimse_address(), config.dimse.ae_title));
    if let Some(address) = server.dimse_tls_address() {
        say(&format!("dicom-tls {address} (AE {})", config.dimse.ae_title));
    }
    if let Some(address) = server.hl7_address() {
        let tls = if config.hl7.tls.is_some() { ", TLS" } else { "" };
        say(&format!("hl7      {address} ({}{tls})", config.hl7.profile));
    }
    server.run().await
}
