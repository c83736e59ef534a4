//! The databases of a process: opened, waited for, and held against the migrations.

use std::collections::BTreeMap;
use std::time::Duration;

use sea_orm::DbErr;
use tokio::time::Instant;
use usher_runtime::{Database, Failure};

use crate::config::Config;
use crate::service::Service;
use crate::trouble::Trouble;

/// The database of each service.
pub struct Databases(BTreeMap<Service, Database>);

/// How often a database that does not answer is asked again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

impl Databases {
    /// Opens the databases of `services` and waits, up to `server.database_patience`, until they answer. In a cluster
    /// everything starts at once, and a database is rarely the first.
    pub async fn open(config: &Config, services: &[Service]) -> Result<Self, Trouble> {
        let until = Instant::now() + config.server.database_patience;
        let mut databases = BTreeMap::new();
        for service in services.iter().copied() {
            let Some(settings) = config.database(service) else { continue };
            let database = loop {
                let error = match open(settings).await {
                    Ok(database) => break database,
                    Err(error) => error,
                };
                let what = error.to_string();
                if !may_pass(error) || Instant::now() >= until {
                    return Err(Trouble::Database { service, what });
                }
                tracing::warn!(service = service.name(), error = what, "waiting for the database");
                tokio::time::sleep(RETRY_INTERVAL).await;
            };
            databases.insert(service, database);
        }
        Ok(Self(databases))
    }

    /// The services and their databases, in the order of [`Service::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Service, &Database)> {
        self.0.iter().map(|(service, database)| (*service, database))
    }

    /// The database of `service`, if it was opened.
    pub fn get(&self, service: Service) -> Option<&Database> {
        self.0.get(&service)
    }

    /// Applies what is missing. Several processes may do so at once.
    pub async fn migrate(&self) -> Result<(), Trouble> {
        for (service, database) in self.iter() {
            if let Err(error) = service.migrate(database).await {
                // Another process may have been faster, which ours then fails on.
                let missing = service.missing_migrations(database).await;
                if !missing.is_ok_and(|missing| missing.is_empty()) {
                    return Err(Trouble::database(service)(error));
                }
            }
        }
        Ok(())
    }

    /// Makes sure that nothing is missing.
    ///
    /// # Errors
    /// [`Trouble::SchemaBehind`] with a line for each service whose schema is behind.
    pub async fn check_schema(&self) -> Result<(), Trouble> {
        let mut behind = Vec::new();
        for (service, database) in self.iter() {
            let missing = service.missing_migrations(database).await;
            let missing = missing.map_err(Trouble::database(service))?;
            if !missing.is_empty() {
                behind.push(format!("{} lacks {}", service.name(), missing.join(", ")));
            }
        }
        if behind.is_empty() { Ok(()) } else { Err(Trouble::SchemaBehind(behind)) }
    }
}

async fn open(settings: &usher_runtime::DatabaseConfig) -> Result<Database, DbErr> {
    let database = Database::connect(settings).await?;
    database.ping().await?;
    Ok(database)
}

/// Whether the error is one that time heals. A wrong password is not.
fn may_pass(error: DbErr) -> bool {
    matches!(Failure::from(error), Failure::Unavailable { .. })
}
