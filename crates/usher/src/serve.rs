//! A process that serves: started, watched and stopped.

use std::net::SocketAddr;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use tonic::service::Routes;
use usher_runtime::jetstream::JetStream;
use usher_runtime::{EventBus, Workers};

use crate::config::{Config, check};
use crate::databases::Databases;
use crate::health::Health;
use crate::server::{Server, listen, reflection, unknown};
use crate::service::Service;
use crate::suite::Suite;
use crate::trouble::Trouble;

/// How long background tasks get to end after the last call.
const WORKER_GRACE: Duration = Duration::from_secs(5);

/// A process whose services answer.
pub struct Running {
    server: Server,
    health: Health,
    workers: Workers,
    shutdown_grace: Duration,
}

/// Starts `services`. Those that call each other within this process prove who they are by `embedded_key`.
pub async fn start(
    config: &Config,
    services: &[Service],
    embedded_key: &SigningKey,
) -> Result<Running, Trouble> {
    check(config, services)?;
    let databases = Databases::open(config, services).await?;
    databases.check_schema().await?;
    let (suite, neighbours) = Suite::compose(config, &databases, embedded_key)?;
    let listener = listen(config.server.address).await?;

    let workers = Workers::default();
    suite.start(&event_bus(config).await?, &workers);
    let health = Health::new(&databases).await;
    health.watch(&databases, &workers);
    if let Some(flows) = suite.mail_flows() {
        health.watch_mail(flows, &workers);
    }
    workers.begin();

    let mut routes = reflection(services)?.add_service(health.server()).into_axum_router();
    for service in neighbours.local() {
        routes = routes.merge(service.into_axum_router().reset_fallback());
    }
    let routes = routes.fallback(unknown);
    let server = Server::start(listener, neighbours.layers().around(Routes::from(routes)))?;
    let names: Vec<_> = services.iter().map(|service| service.name()).collect();
    tracing::info!(address = %server.address(), services = names.join(","), "serving");
    Ok(Running { server, health, workers, shutdown_grace: config.server.shutdown_grace })
}

impl Running {
    /// Where the process listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Serves until `stop` is ready, then ends without losing a call that ends within `server.shutdown_grace`.
    /// Returns what `stop` was ready with.
    pub async fn until<T>(mut self, stop: impl Future<Output = T>) -> Result<T, Trouble> {
        let outcome = tokio::select! {
            stopped = stop => Ok(stopped),
            trouble = self.server.ended() => Err(trouble),
        };
        tracing::info!("stopping");
        self.health.end().await;
        self.workers.drain();
        self.server.close(self.shutdown_grace).await;
        self.workers.stop(WORKER_GRACE).await;
        tracing::info!("stopped");
        outcome
    }
}

async fn event_bus(config: &Config) -> Result<EventBus, Trouble> {
    let Some(url) = &config.events.nats_url else { return Ok(EventBus::in_process()) };
    let jetstream = JetStream::connect(url, &config.events).await;
    let jetstream = jetstream.map_err(|error| Trouble::setting(format!("events: {error}")))?;
    Ok(EventBus::JetStream(Box::new(jetstream)))
}
