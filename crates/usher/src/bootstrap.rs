//! `usher bootstrap`: makes the first platform administrator. There is no default password.

use std::path::Path;

use secrecy::SecretString;
use tonic::Status;
use tonic_types::StatusExt as _;
use usher_identity::Identity;

use crate::config::{Config, check_databases};
use crate::databases::Databases;
use crate::service::Service;
use crate::suite;
use crate::trouble::Trouble;

/// Makes the account of the platform administrator. Its password is the first line of `password_file`, which may be
/// `/dev/stdin`.
///
/// # Errors
/// If there is one.
pub async fn bootstrap(
    config: &Config,
    email: &str,
    full_name: &str,
    password_file: &Path,
) -> Result<(), Trouble> {
    check_databases(config, &[Service::Identity])?;
    let text = std::fs::read_to_string(password_file).map_err(Trouble::file(password_file))?;
    let password = SecretString::from(text.lines().next().unwrap_or_default());
    let databases = Databases::open(config, &[Service::Identity]).await?;
    databases.check_schema().await?;
    create_platform_admin(config, &databases, email, full_name, password).await?;
    println!("{email} is the platform administrator");
    Ok(())
}

/// The same if there is none yet.
pub async fn bootstrap_once(
    config: &Config,
    databases: &Databases,
    email: &str,
    full_name: &str,
    password: SecretString,
) -> Result<(), Trouble> {
    if identity(config, databases)?.is_bootstrapped().await.map_err(trouble)? {
        return Ok(());
    }
    create_platform_admin(config, databases, email, full_name, password).await
}

async fn create_platform_admin(
    config: &Config,
    databases: &Databases,
    email: &str,
    full_name: &str,
    password: SecretString,
) -> Result<(), Trouble> {
    let created = identity(config, databases)?.bootstrap(email, full_name, password).await;
    created.map(|_user| ()).map_err(trouble)
}

fn identity(config: &Config, databases: &Databases) -> Result<Identity, Trouble> {
    suite::identity(config, databases)?.ok_or_else(|| Trouble::setting("identity.database.url is not set"))
}

/// What is wrong, field by field if it is the input.
fn trouble(error: usher_identity::Error) -> Trouble {
    let status = Status::from(error);
    let details = status.get_error_details();
    let fields = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    let fields: Vec<_> =
        fields.iter().map(|bad| format!("\n  - {}: {}", bad.field, bad.description)).collect();
    Trouble::Other(format!("bootstrap: {}{}", status.message(), fields.concat()))
}
