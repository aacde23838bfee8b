//! The running server: opened from the inside out, closed from the outside in.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use baize_core::SystemClock;
use baize_core::ports::Events as _;
use baize_desk::{Desk, Fusion, Monitors};
use baize_dicom::scp::Scp;
use baize_engine::{Engine, Storage, StudyWatcher};
use baize_fhir::Mapper;
use baize_fhir_client::RestHooks;
use baize_hospital::HospitalService;
use baize_http::{Metrics, Ports, SearchCriteria, ServeOptions, metrics_router, router};
use baize_lookup::Lookup;
use baize_outbox::DeliveryService;
use baize_store::{FolderSpool, LedgerConfig, SpoolConfig, SqliteLedger};
use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::outbox::WholeHealth;
use super::{edges, engine, fhir, fusion, hospital, lookup, outbox, triage};
use crate::config::Config;

/// Requests to the ledger that may wait for its writer.
const LEDGER_QUEUE: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// Reads of the ledger, and files of the spool, at a time.
const STORE_PARALLEL: NonZeroUsize = NonZeroUsize::new(8).unwrap();
const GIB: u64 = 1 << 30;

/// A listener with what it serves.
struct Door {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    options: ServeOptions,
}

/// A server whose ports are bound and whose models are warming up.
pub(crate) struct Server {
    engine: Arc<Engine>,
    outbox: Arc<DeliveryService>,
    lookup: Arc<Lookup>,
    hospital: Arc<HospitalService>,
    fusion: Arc<Fusion>,
    monitors: Arc<Monitors>,
    hooks: Arc<RestHooks>,
    criteria: Arc<SearchCriteria>,
    ledger: Arc<SqliteLedger>,
    watcher: Arc<StudyWatcher>,
    scp: Scp,
    hl7: Option<baize_hl7::mllp::Server>,
    #[cfg(feature = "mqtt")]
    mqtt: Option<baize_mqtt::Subscriber>,
    http: Door,
    metrics: Door,
    url: String,
    shutdown: CancellationToken,
}

impl Server {
    /// Opens storage, loads models, then binds the ports.
    ///
    /// # Errors
    /// Storage in use or unusable, a model or a rule file that does not load, a port that is taken.
    pub(crate) async fn start(config: &Config, shutdown: CancellationToken) -> anyhow::Result<Self> {
        let (ledger, spool) = open_storage(config).await?;
        let desk = Arc::new(open_desk(config, &ledger).await?);
        let mapper = Arc::new(open_mapper(config).await?);
        // Before the engine, which may store a report at once.
        let outbox = outbox::open(config, ledger.clone(), spool.clone(), mapper.clone()).await?;
        let storage = Storage { ledger: ledger.clone(), spool: spool.clone() };
        let engine = engine::start_engine(config, Some(storage)).await?;
        // Before a door opens.
        let lookup = lookup::open(config, ledger.clone(), engine.clone()).await?;
        let hospital = hospital::open(config, &ledger, &engine).await?;
        let (fusion, monitors) = fusion::open(config, &desk, &ledger, &engine)?;
        let watcher = Arc::new(StudyWatcher::new(
            ledger.clone(),
            engine.clone(),
            Arc::new(SystemClock),
            engine::patience(config),
        ));
        let endpoints = fhir::endpoints(&config.fhir)?;
        let hooks = fhir::hooks(&ledger, endpoints.clone())?;
        let mut registry = Registry::default();
        hooks.register(&mut registry);
        engine.metrics().register(&mut registry);
        desk.metrics().register(&mut registry);
        outbox.metrics().register(&mut registry);
        lookup.metrics().register(&mut registry);
        hospital.metrics().register(&mut registry);
        fusion.register(&mut registry);
        monitors.register(&mut registry);

        let scp = Scp::bind(edges::dimse(config)?, engine.clone())
            .await
            .with_context(|| format!("dimse.bind = {}", config.dimse.bind))?
            .with_commitments(outbox.clone());
        scp.metrics().register(&mut registry);

        let hl7 = hospital::bind(config, &hospital, &mut registry).await?;
        #[cfg(feature = "mqtt")]
        let mqtt = super::mqtt::open(config, &hospital)?;

        let (listener, address) = bind("http.bind", config.http.bind)?;
        let ports = Ports {
            intake: engine.clone(),
            identify: engine.clone(),
            reader: engine.clone(),
            studies: ledger.clone(),
            reviews: ledger.clone(),
            watch: watcher.clone(),
            archive: ledger.clone(),
            views: engine.clone(),
            spool,
            events: engine.clone(),
            desk,
            fusion: ledger.clone(),
            outbox: outbox.clone(),
            fhir: fhir::ports(mapper, &ledger, endpoints),
            hospital: ledger.clone(),
            reconciliation: hospital.clone(),
            health: Arc::new(WholeHealth {
                engine: engine.clone(),
                outbox: outbox.clone(),
                fusion: fusion.clone(),
                hooks: hooks.clone(),
            }),
            clock: Arc::new(SystemClock),
            metrics: Metrics::register(&mut registry),
            shutdown: shutdown.clone(),
        };
        let settings = edges::http(config, address)?;
        let criteria = Arc::new(SearchCriteria::new(ports.clone(), settings.clone())?);
        let http =
            Door { listener, address, router: router(ports, settings)?, options: edges::serving(config) };
        let (listener, address) = bind("http.metrics_bind", config.http.metrics_bind)?;
        let metrics = Door {
            listener,
            address,
            router: metrics_router(Arc::new(registry)),
            options: edges::serving_metrics(),
        };
        let url = edges::local_url(config, http.address);
        Ok(Self {
            engine,
            outbox,
            lookup,
            hospital,
            fusion,
            monitors,
            hooks,
            criteria,
            ledger,
            watcher,
            scp,
            hl7,
            #[cfg(feature = "mqtt")]
            mqtt,
            http,
            metrics,
            url,
            shutdown,
        })
    }

    /// Where REST is, as a client on this machine would write it.
    pub(crate) fn http_url(&self) -> &str {
        &self.url
    }

    /// Where the metrics are.
    pub(crate) fn metrics_address(&self) -> SocketAddr {
        self.metrics.address
    }

    /// Where C-STORE goes.
    pub(crate) fn dimse_address(&self) -> SocketAddr {
        self.scp.local_addr()
    }

    /// Where C-STORE over TLS goes, if it may.
    pub(crate) fn dimse_tls_address(&self) -> Option<SocketAddr> {
        self.scp.tls_addr()
    }

    /// Where HL7 messages go, if any.
    pub(crate) fn hl7_address(&self) -> Option<SocketAddr> {
        self.hl7.as_ref().map(baize_hl7::mllp::Server::local_addr)
    }

    /// Serves until the shutdown token is cancelled or the device is lost, then drains: the doors close first,
    /// then the engine and the outbox finish, then the ledger closes.
    ///
    /// # Errors
    /// A listener that broke.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let shutdown = self.shutdown;
        let http = self.http.open(shutdown.clone());
        // Metrics stay readable while the server drains.
        let drained = CancellationToken::new();
        let metrics = self.metrics.open(drained.clone());
        let scp = tokio::spawn(self.scp.run(shutdown.clone()));
        let outbox = tokio::spawn(self.outbox.run(self.engine.subscribe(), shutdown.clone()));
        let lookup = tokio::spawn(self.lookup.run(self.engine.subscribe(), shutdown.clone()));
        let hl7 = self.hl7.map(|hl7| tokio::spawn(hl7.run(shutdown.clone())));
        #[cfg(feature = "mqtt")]
        let mqtt = self.mqtt.map(|mqtt| tokio::spawn(mqtt.run(shutdown.clone())));
        let hospital = tokio::spawn(self.hospital.run(self.engine.subscribe(), shutdown.clone()));
        let fusion = tokio::spawn(self.fusion.run(self.engine.subscribe(), shutdown.clone()));
        let monitors = tokio::spawn(self.monitors.run(shutdown.clone()));
        let hooks = tokio::spawn(self.hooks.run(self.criteria, self.engine.subscribe(), shutdown.clone()));
        let watcher = self.watcher;
        let watching = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { watcher.run(shutdown).await }
        });
        if let Err(problem) = self.engine.warmed_up().await
            && !shutdown.is_cancelled()
        {
            error!(%problem, "the models do not run");
        } else {
            info!("ready");
        }
        let lost = tokio::select! {
            () = self.engine.device_lost() => true,
            () = shutdown.cancelled() => false,
        };
        if lost {
            error!("the computing device was lost; ending for the supervisor to start again");
            shutdown.cancel();
        }
        let served = http.await.context("the http task")?;
        scp.await.context("the dicom task")?;
        if let Some(hl7) = hl7 {
            hl7.await.context("the hl7 task")?;
        }
        #[cfg(feature = "mqtt")]
        if let Some(mqtt) = mqtt {
            mqtt.await.context("the mqtt task")?;
        }
        watching.await.context("the task that watches studies")?;
        self.engine.drain().await;
        outbox.await.context("the outbox task")?;
        lookup.await.context("the lookup task")?;
        hospital.await.context("the task of what follows from the his")?;
        fusion.await.context("the fusion task")?;
        monitors.await.context("the monitor task")?;
        hooks.await.context("the task that notifies")?;
        self.ledger.close().await;
        drained.cancel();
        metrics.await.context("the metrics task")??;
        served?;
        Ok(if lost { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

impl Door {
    fn open(self, shutdown: CancellationToken) -> JoinHandle<anyhow::Result<()>> {
        tokio::spawn(async move {
            baize_http::serve(self.listener, self.router, self.options, shutdown)
                .await
                .map_err(anyhow::Error::from)
        })
    }
}

fn bind(key: &str, address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).with_context(|| format!("{key} = {address}"))?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

async fn open_storage(config: &Config) -> anyhow::Result<(Arc<SqliteLedger>, Arc<FolderSpool>)> {
    let data = config.storage.data_dir.clone();
    let quota_bytes = config.storage.spool_gib.saturating_mul(GIB);
    // Opening lists the whole spool and may upgrade the database: not on a thread that serves requests.
    tokio::task::spawn_blocking(move || {
        let ledger = SqliteLedger::open(&LedgerConfig {
            path: data.join("baize.db"),
            queue: LEDGER_QUEUE,
            readers: STORE_PARALLEL,
        })
        .context("storage.data_dir")?;
        let spool = FolderSpool::open(&SpoolConfig { root: data, quota_bytes, parallel: STORE_PARALLEL })
            .context("storage.data_dir")?;
        Ok((Arc::new(ledger), Arc::new(spool)))
    })
    .await?
}

async fn open_mapper(config: &Config) -> anyhow::Result<Mapper> {
    let config = config.clone();
    tokio::task::spawn_blocking(move || fhir::mapper(&config)).await?
}

async fn open_desk(config: &Config, ledger: &Arc<SqliteLedger>) -> anyhow::Result<Desk> {
    let settings = triage::desk_settings(config)?;
    let config = config.clone();
    // Rules and lexicon are read and checked as a whole: not on a thread that serves requests.
    let triage = tokio::task::spawn_blocking(move || triage::triage(&config)).await??;
    Ok(Desk::new(triage, ledger.clone(), Arc::new(SystemClock), settings))
}
