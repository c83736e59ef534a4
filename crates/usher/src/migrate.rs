//! `usher migrate`: brings the schemas of databases up to date.

use crate::config::{Config, check_databases};
use crate::databases::Databases;
use crate::service::Service;
use crate::trouble::Trouble;

/// Applies what the databases of `services` lack. With `only_check`, changes nothing and fails if anything is missing.
pub async fn migrate(config: &Config, services: &[Service], only_check: bool) -> Result<(), Trouble> {
    check_databases(config, services)?;
    let databases = Databases::open(config, services).await?;
    if !only_check {
        databases.migrate().await?;
    }
    databases.check_schema().await?;
    for (service, _) in databases.iter() {
        println!("{}: the schema is up to date", service.name());
    }
    Ok(())
}
