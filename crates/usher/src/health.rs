//! Health by the protocol `grpc.health.v1`: a service serves when its database answers; the process (the empty name) when
//! all of its services do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use usher_runtime::{Database, Workers};

use crate::databases::Databases;
use crate::service::Service;

/// How often a database is asked.
const INTERVAL: Duration = Duration::from_secs(2);
/// A database that takes longer does not serve calls in time either.
const PATIENCE: Duration = Duration::from_secs(2);
const PROCESS: &str = "";
/// Whether the notifier's mails leave.
const MAIL: &str = "usher.notifier.v1.NotifierService/mail";

/// The health of a process. Clones share it.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
    /// What was reported last. Watchers get a message for each report, so that only changes are reported.
    serving: Arc<Mutex<BTreeMap<Service, bool>>>,
    draining: CancellationToken,
}

impl Health {
    /// Nothing serves yet.
    pub async fn new(databases: &Databases) -> Self {
        let health = Self {
            reporter: HealthReporter::new(),
            serving: Arc::new(Mutex::new(databases.iter().map(|(service, _)| (service, false)).collect())),
            draining: CancellationToken::new(),
        };
        health.set_not_serving(databases.iter().map(|(service, _)| service)).await;
        health
    }

    /// The gRPC service.
    pub fn server(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    /// Keeps reports true.
    pub fn watch(&self, databases: &Databases, workers: &Workers) {
        for (service, database) in databases.iter() {
            let (health, database) = (self.clone(), database.clone());
            workers.spawn("health", move |_stop| health.clone().watch_one(service, database.clone()));
        }
    }

    /// Keeps the report of whether mails leave true. It has a name of its own and does not count for the process, since starting
    /// another would help no mail.
    pub fn watch_mail(&self, flows: watch::Receiver<bool>, workers: &Workers) {
        let health = self.clone();
        workers.spawn("health-mail", move |stop| {
            let (reporter, draining, mut flows) =
                (health.reporter.clone(), health.draining.clone(), flows.clone());
            async move {
                while !stop.is_cancelled() && !draining.is_cancelled() {
                    let leave = *flows.borrow_and_update();
                    reporter.set_service_status(MAIL, status(leave)).await;
                    tokio::select! {
                        changed = flows.changed() => if changed.is_err() { return },
                        () = stop.cancelled() => {}
                        () = draining.cancelled() => {}
                    }
                }
            }
        });
    }

    /// From now on nothing serves, whatever databases answer. Those who watch are told, and their streams end: they would
    /// keep their connections open.
    pub async fn end(mut self) {
        self.draining.cancel();
        // Behind the lock no report of a moment ago is under way.
        let serving = std::mem::take(&mut *self.serving.lock().await);
        self.set_not_serving(serving.keys().copied()).await;
        for service in serving.into_keys() {
            self.reporter.clear_service_status(service.grpc_name()).await;
        }
        self.reporter.clear_service_status(MAIL).await;
        self.reporter.clear_service_status(PROCESS).await;
    }

    async fn set_not_serving(&self, services: impl Iterator<Item = Service>) {
        self.reporter.set_service_status(PROCESS, ServingStatus::NotServing).await;
        for service in services {
            self.reporter.set_service_status(service.grpc_name(), ServingStatus::NotServing).await;
        }
    }

    async fn watch_one(self, service: Service, database: Database) {
        while !self.draining.is_cancelled() {
            let database = database.clone();
            // A task of its own: a question that takes too long goes on to its end, and there is never a second beside it.
            let mut ping = tokio::spawn(async move { database.ping().await.is_ok() });
            let answer = tokio::time::timeout(PATIENCE, &mut ping).await;
            self.report(service, matches!(answer, Ok(Ok(true)))).await;
            if answer.is_err() {
                // Its answer is late; the next question is asked soon enough.
                let _ = ping.await;
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = self.draining.cancelled() => {}
            }
        }
    }

    async fn report(&self, service: Service, serves: bool) {
        let mut serving = self.serving.lock().await;
        if self.draining.is_cancelled() || serving.insert(service, serves) == Some(serves) {
            return;
        }
        tracing::info!(service = service.name(), serves, "health changed");
        self.reporter.set_service_status(service.grpc_name(), status(serves)).await;
        let all_serve = serving.values().all(|serves| *serves);
        self.reporter.set_service_status(PROCESS, status(all_serve)).await;
    }
}

fn status(serves: bool) -> ServingStatus {
    if serves { ServingStatus::Serving } else { ServingStatus::NotServing }
}
