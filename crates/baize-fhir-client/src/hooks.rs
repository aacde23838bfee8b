//! Notifications of Subscriptions (rest-hook): each change that matches, in order, until the receiver has answered.
//!
//! The place of a subscription moves on in the ledger only after the answer, so that a crash repeats and never skips. A
//! receiver that does not answer is tried again after ever longer waits, without end; the others do not wait for it.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use baize_core::ports::{
    AuditEntry, AuditTrail, Audited, Criteria, EventStream, Notice, ResultChange, ResultSearch, Subscription,
    SubscriptionStatus, Subscriptions,
};
use baize_core::{Clock, ErrorCode, Fault};
use baize_fhir::Endpoints;
use bytes::Bytes;
use futures_util::StreamExt as _;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::client::{FhirClientError, because};

/// Receivers at a time.
const MOST_WORKERS: usize = 8;
/// Changes that one turn of a worker looks at.
const BATCH: usize = 64;
const TICK: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// A receiver that fails for so long is a matter for a person.
const ALARM_AFTER: Duration = Duration::from_secs(60 * 60);
const FHIR_JSON: &str = "application/fhir+json";

/// What notifications stand on.
#[derive(Clone)]
pub struct RestHookParts {
    /// Who wants to be notified.
    pub subscriptions: Arc<dyn Subscriptions>,
    /// What changed.
    pub search: Arc<dyn ResultSearch>,
    /// Where it is noted what left the house.
    pub audit: Arc<dyn AuditTrail>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where notifications may go.
    pub endpoints: Endpoints,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: &'static str,
}

/// Notifies the receivers of all subscriptions.
pub struct RestHooks {
    parts: RestHookParts,
    http: Client,
    notifications: Family<Outcome, Counter>,
    levels: Family<Status, Gauge>,
    warnings: Mutex<BTreeMap<String, String>>,
}

impl RestHooks {
    /// Opens nothing.
    ///
    /// # Errors
    /// A client that cannot be set up.
    pub fn new(parts: RestHookParts) -> Result<Self, FhirClientError> {
        // Fails where there is one already, which is as good.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(RESPONSE_TIMEOUT)
            // Only to receivers that the configuration names.
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| FhirClientError::Client(because(&error)))?;
        let (notifications, levels) = Default::default();
        Ok(Self { parts, http, notifications, levels, warnings: Mutex::default() })
    }

    /// Makes what is counted visible.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "baize_subscription_notifications",
            "Notifications of FHIR Subscriptions, by outcome (told, failed)",
            self.notifications.clone(),
        );
        registry.register(
            "baize_subscriptions",
            "FHIR Subscriptions by status (active, error, off)",
            self.levels.clone(),
        );
    }

    /// What a person should know: receivers that have not answered for an hour.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Notifies until the shutdown. What is under way then is told again at the next start.
    pub async fn run(
        self: Arc<Self>,
        criteria: Arc<dyn Criteria>,
        mut events: EventStream,
        shutdown: CancellationToken,
    ) {
        let mut working: JoinSet<String> = JoinSet::new();
        let mut busy: HashSet<String> = HashSet::new();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut is_fed = true;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(done) = working.join_next() => match done {
                    Ok(id) => drop(busy.remove(&id)),
                    Err(problem) => {
                        // Which one is not known: all others run to their end, then all begin anew.
                        error!(%problem, "the worker of a subscription broke");
                        working.shutdown().await;
                        busy.clear();
                    }
                },
                event = events.next(), if is_fed => is_fed = event.is_some(),
                _ = tick.tick() => self.observe().await,
            }
            if working.len() >= MOST_WORKERS {
                continue;
            }
            let now = self.parts.clock.now();
            let due = match self.parts.subscriptions.due_subscriptions(now, MOST_WORKERS * 2).await {
                Ok(due) => due,
                Err(fault) => {
                    warn!(%fault, "the subscriptions cannot be read");
                    continue;
                }
            };
            for one in due {
                if working.len() < MOST_WORKERS && busy.insert(one.id.clone()) {
                    let (hooks, criteria) = (self.clone(), criteria.clone());
                    working.spawn(async move {
                        hooks.work(&one, &*criteria).await;
                        one.id
                    });
                }
            }
        }
        working.shutdown().await;
    }

    /// Tells what waits for one receiver, up to the first failure.
    async fn work(&self, one: &Subscription, criteria: &dyn Criteria) {
        let told = self.tell(one, criteria).await;
        if let Err(why) = told {
            self.notifications.get_or_create(&Outcome { outcome: "failed" }).inc();
            let now = self.parts.clock.now();
            let again_at = now + wait(one.attempts);
            info!(
                subscription = one.id,
                attempts = one.attempts + 1,
                "a notification failed and will be tried again"
            );
            let noted = self.parts.subscriptions.not_told(
                &one.id,
                one.revision,
                why,
                again_at,
                now - ALARM_AFTER,
                now,
            );
            if let Err(fault) = noted.await {
                warn!(subscription = one.id, %fault, "that a notification failed cannot be noted");
            }
        }
    }

    async fn tell(&self, one: &Subscription, criteria: &dyn Criteria) -> Result<(), String> {
        let said = |fault: Fault| match fault.code {
            ErrorCode::InvalidRequest => fault.message,
            code => code.to_string(),
        };
        // The configuration may be another one than when it was made.
        let url = self
            .parts
            .endpoints
            .check(&one.wish.endpoint)
            .map_err(|why| format!("channel.endpoint: {why}"))?;
        let changes = self.parts.search.changes(one.cursor, BATCH).await.map_err(said)?;
        let moved_on = async |change: &ResultChange| {
            let now = self.parts.clock.now();
            self.parts.subscriptions.told(&one.id, one.revision, change.sequence, now).await.map_err(said)
        };
        let mut passed_over = None;
        for change in &changes {
            let notices = match criteria.matching(&one.wish.criteria, change).await {
                Ok(notices) => notices,
                Err(fault) => return Err(said(fault)),
            };
            if notices.is_empty() {
                passed_over = Some(change);
                continue;
            }
            if one.wish.with_payload {
                for notice in &notices {
                    self.send_resource(one, &url, notice).await?;
                }
            } else {
                self.send(one, self.http.post(url.clone()).body(Bytes::new())).await?;
            }
            moved_on(change).await?;
            passed_over = None;
        }
        match passed_over {
            Some(change) => moved_on(change).await,
            None => Ok(()),
        }
    }

    /// The resource as an update, and a note that it has left the house.
    async fn send_resource(&self, one: &Subscription, url: &Url, notice: &Notice) -> Result<(), String> {
        let mut target = url.clone();
        let mut path = target.path_segments_mut().map_err(|()| "channel.endpoint: has no path".to_owned())?;
        path.pop_if_empty().push(&notice.kind).push(&notice.id);
        drop(path);
        let request = self.http.put(target).header(CONTENT_TYPE, FHIR_JSON).body(notice.json.clone());
        self.send(one, request).await?;
        let entry = AuditEntry {
            at: self.parts.clock.now(),
            action: Audited::Export,
            who: url.host_str().unwrap_or_default().to_owned(),
            request_id: Some(one.id.clone()),
            what: format!("{}/{}", notice.kind, notice.id),
            query: None,
            patients: notice.patients.clone(),
        };
        self.parts.audit.record(entry).await.map_err(|fault| fault.code.to_string())
    }

    async fn send(&self, one: &Subscription, mut request: reqwest::RequestBuilder) -> Result<(), String> {
        for (name, value) in one.wish.headers.iter().filter_map(|line| line.split_once(':')) {
            request = request.header(name.trim(), value.trim());
        }
        let answer = request.send().await.map_err(|error| because(&error))?;
        match answer.status() {
            status if status.is_success() => {
                self.notifications.get_or_create(&Outcome { outcome: "told" }).inc();
                Ok(())
            }
            status => Err(format!("the receiver answered with HTTP {}", status.as_u16())),
        }
    }

    /// Looks at how all of them stand.
    async fn observe(&self) {
        let all = match self.parts.subscriptions.subscriptions().await {
            Ok(all) => all,
            Err(fault) => {
                warn!(%fault, "the subscriptions cannot be read");
                return;
            }
        };
        for status in SubscriptionStatus::ALL {
            let count = all.iter().filter(|one| one.status == status).count();
            let level = self.levels.get_or_create(&Status { status: status.as_str() });
            level.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let now = self.parts.clock.now();
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        let failing = all.iter().filter(|one| one.status == SubscriptionStatus::Error);
        let said: BTreeMap<String, String> = failing
            .map(|one| {
                let since = one.failing_since.map(|since| now.saturating_since(since)).unwrap_or_default();
                let minutes = since.as_secs() / 60;
                (
                    one.id.clone(),
                    format!("the receiver of Subscription/{} has not answered for {minutes} minutes", one.id),
                )
            })
            .collect();
        for id in said.keys().filter(|id| !warnings.contains_key(*id)) {
            error!(subscription = id, "notifications do not reach the receiver");
        }
        *warnings = said;
    }
}

/// How long to wait after so many attempts in vain: twice as long each time, a quarter of an hour at most.
fn wait(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.min(10)).min(LONGEST_WAIT)
}
