//! What stands before a suite starts: databases, keys, settings, tables, and the platform administrator. All of it is made by the
//! commands that an operator would use.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use secrecy::ExposeSecret as _;
use usher_runtime::{Random, SealingKey};

use crate::postgres::create_database;
use crate::program::run;
use crate::{Database, Description, Options, Service, settings};

/// Makes an empty database for each service, on the server at `postgres_url` or as a file in `folder`, and returns their URLs.
pub async fn databases(
    folder: &Path,
    kind: Database,
    postgres_url: Option<&str>,
) -> BTreeMap<Service, String> {
    let mut urls = BTreeMap::new();
    // Other suites may be on the same server.
    let unique = uuid::Uuid::new_v4().simple().to_string();
    for service in Service::ALL {
        let name = service.name();
        let url = match (kind, postgres_url) {
            (Database::Postgres, Some(server)) => create_database(server, &format!("{name}_{unique}")).await,
            _ => format!("sqlite://{}/{name}.db?mode=rwc", folder.display()),
        };
        urls.insert(service, url);
    }
    urls
}

/// Makes everything else that the suite needs.
pub fn prepare(suite: &Description, smtp_port: u16, options: &Options) -> io::Result<()> {
    keys(&suite.keys())?;
    write_settings(suite, smtp_port, options)?;
    for member in suite.members() {
        let file = suite.settings_file(member.service, member.replica);
        if member.replica == 0 {
            let names = suite.service_names(member.service);
            run(&["migrate", "--config", &file.to_string_lossy(), "--services", &names]);
        }
    }
    bootstrap(suite)
}

/// Writes the settings of each process.
pub fn write_settings(suite: &Description, smtp_port: u16, options: &Options) -> io::Result<()> {
    for member in suite.members() {
        let services = suite.services_with(member.service);
        let address = member.address().to_owned();
        let process = settings::Process { services: &services, address, options };
        let file = suite.settings_file(member.service, member.replica);
        std::fs::write(&file, settings::toml(suite, smtp_port, &process))?;
    }
    Ok(())
}

fn keys(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let seal_key = SealingKey::generate(&Random::system()).to_base64();
    std::fs::write(folder.join("seal.key"), seal_key.expose_secret())?;
    for name in Service::ALL.map(Service::name).iter().chain(&["tests"]) {
        run(&["keys", "generate", "--service", name, "--directory", &folder.to_string_lossy()]);
    }
    Ok(())
}

fn bootstrap(suite: &Description) -> io::Result<()> {
    let password_file = suite.keys().join("admin-password");
    std::fs::write(&password_file, &suite.admin_password)?;
    let config = suite.settings_file(Service::Identity, 0);
    let (config, password_file) = (config.to_string_lossy(), password_file.to_string_lossy());
    let who = ["--email", &suite.admin_email, "--full-name", "Ada Admin", "--password-file", &password_file];
    run(&[&["bootstrap", "--config", &config], who.as_slice()].concat());
    Ok(())
}
