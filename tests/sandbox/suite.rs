//! A running suite: the real program, its servers, and the description for tests.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::nats::Nats;
use crate::postgres::{Postgres, create_database};
use crate::process::Process;
use crate::smtp::Smtp;
use crate::{Database, Description, Service, Topology, ports, settings, until};

/// What kind of suite to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which databases.
    pub database: Database,
    /// Which topology.
    pub topology: Topology,
    /// How many processes of each service, when they are apart. One where nothing is said.
    pub replicas: BTreeMap<Service, usize>,
    /// The most database connections of each service in a process.
    pub max_connections: u32,
    /// The PostgreSQL server to use, the URL of its database `postgres`. A new one is started where none is given.
    pub postgres_url: Option<String>,
}

impl Options {
    /// One process of each kind, with servers of its own.
    pub fn new(database: Database, topology: Topology) -> Self {
        Self { database, topology, replicas: BTreeMap::new(), max_connections: 10, postgres_url: None }
    }
}

/// A running suite. Dropping it ends everything in it.
pub struct Suite {
    /// Where everything is.
    pub description: Description,
    /// The processes of the program, by service; in one process they are under the first.
    pub processes: BTreeMap<Service, Vec<Process>>,
    /// The NATS server, if there is one.
    pub nats: Option<Nats>,
    /// The PostgreSQL server, if it was started for this suite.
    pub postgres: Option<Postgres>,
    /// The mail server.
    pub smtp: Smtp,
}

const ADMIN_EMAIL: &str = "admin@usher.test";
const ADMIN_PASSWORD: &str = "correct horse battery staple";

impl Suite {
    /// Starts a suite with its files in `folder`, which must exist, and waits until every service is ready.
    ///
    /// # Panics
    /// If something does not start, with the end of its log.
    pub async fn start(folder: &Path, options: &Options) -> io::Result<Self> {
        let smtp = Smtp::start(&folder.join("mailbox")).await?;
        let nats = match options.topology {
            Topology::Apart => Some(Nats::start(folder).await?),
            Topology::Together => None,
        };
        let postgres = match (options.database, &options.postgres_url) {
            (Database::Postgres, None) => Some(Postgres::start(folder).await?),
            _ => None,
        };
        let postgres_url = postgres.as_ref().map(|server| server.url("postgres")).or(options.postgres_url.clone());
        let description = Description {
            database: options.database,
            topology: options.topology,
            folder: folder.to_owned(),
            endpoints: endpoints(options),
            databases: databases(folder, options.database, postgres_url.as_deref()).await,
            postgres_url,
            nats_url: nats.as_ref().map(Nats::url),
            mailbox: smtp.mailbox.clone(),
            tests_key: folder.join("keys/tests.pem"),
            admin_email: ADMIN_EMAIL.to_owned(),
            admin_password: ADMIN_PASSWORD.to_owned(),
        };
        let mut suite = Self { description, processes: BTreeMap::new(), nats, postgres, smtp };
        suite.prepare(options)?;
        suite.launch()?;
        suite.ready().await;
        Ok(suite)
    }

    /// Makes keys, tables and the platform administrator, with the commands that an operator would use.
    fn prepare(&self, options: &Options) -> io::Result<()> {
        let folder = &self.description.folder;
        let keys = folder.join("keys");
        std::fs::create_dir_all(&keys)?;
        std::fs::write(keys.join("seal.key"), usher_runtime_seal_key())?;
        for name in ["identity", "community", "invitation", "notifier", "tests"] {
            run(&["keys", "generate", "--service", name, "--directory", &keys.to_string_lossy()]);
        }
        for (service, replica, endpoint) in self.replicas() {
            let services = self.services_beside(service);
            let address = endpoint.trim_start_matches("http://").to_owned();
            let process = settings::Process { services: &services, address, max_connections: options.max_connections };
            let text = settings::toml(&self.description, self.smtp.port, &process);
            std::fs::write(self.settings_file(service, replica), text)?;
            if replica == 0 {
                let file = self.settings_file(service, 0);
                let names = self.service_names(service);
                run(&["migrate", "--config", &file.to_string_lossy(), "--services", &names]);
            }
        }
        self.bootstrap()
    }

    fn bootstrap(&self) -> io::Result<()> {
        let password_file = self.description.folder.join("keys/admin-password");
        std::fs::write(&password_file, ADMIN_PASSWORD)?;
        let config = self.settings_file(Service::Identity, 0);
        let (config, password_file) = (config.to_string_lossy(), password_file.to_string_lossy());
        let who = ["--email", ADMIN_EMAIL, "--full-name", "Ada Admin", "--password-file", &password_file];
        run(&[&["bootstrap", "--config", &config], who.as_slice()].concat());
        Ok(())
    }

    fn launch(&mut self) -> io::Result<()> {
        for (service, replica, _) in self.replicas() {
            let process = self.process(service, replica)?;
            self.processes.entry(service).or_default().push(process);
        }
        Ok(())
    }

    /// Starts a process of `service`, for instance again after it was ended.
    pub fn process(&self, service: Service, replica: usize) -> io::Result<Process> {
        let file = self.settings_file(service, replica);
        let (program, names) = (program(), self.service_names(service));
        let (program, file) = (program.to_string_lossy(), file.to_string_lossy());
        let command = [&*program, "serve", "--services", &names, "--config", &*file];
        Process::start(&self.description.folder, &format!("{}-{replica}", service.name()), None, &command)
    }

    /// Waits until every service of every process says that it serves.
    pub async fn ready(&mut self) {
        for (first, replica, endpoint) in self.replicas() {
            for service in self.services_beside(first) {
                let name = health_name(service);
                until(&format!("{name} at {endpoint} is ready"), || {
                    self.processes.get_mut(&first).map(|list| list[replica].assert_alive());
                    serves(endpoint.clone(), name.clone())
                })
                .await;
            }
        }
    }

    /// One entry for each process: the first of its services, its number and its address.
    fn replicas(&self) -> Vec<(Service, usize, String)> {
        let first = |service: &Service| self.description.topology == Topology::Apart || *service == Service::Identity;
        let services = Service::ALL.into_iter().filter(first);
        let of_service = |service: Service| {
            let addresses = self.description.endpoints[&service].iter().enumerate();
            addresses.map(move |(replica, address)| (service, replica, address.clone())).collect::<Vec<_>>()
        };
        services.flat_map(of_service).collect()
    }

    /// The services that run in the process of `service`.
    fn services_beside(&self, service: Service) -> Vec<Service> {
        match self.description.topology {
            Topology::Together => Service::ALL.to_vec(),
            Topology::Apart => vec![service],
        }
    }

    fn service_names(&self, service: Service) -> String {
        self.services_beside(service).iter().map(|service| service.name()).collect::<Vec<_>>().join(",")
    }

    fn settings_file(&self, service: Service, replica: usize) -> PathBuf {
        self.description.folder.join(format!("{}-{replica}.toml", service.name()))
    }
}

fn endpoints(options: &Options) -> BTreeMap<Service, Vec<String>> {
    let address = || format!("http://127.0.0.1:{}", ports::free());
    let together = address();
    let of_service = |service: Service| match options.topology {
        Topology::Together => vec![together.clone()],
        Topology::Apart => (0..options.replicas.get(&service).copied().unwrap_or(1)).map(|_| address()).collect(),
    };
    Service::ALL.into_iter().map(|service| (service, of_service(service))).collect()
}

async fn databases(folder: &Path, kind: Database, postgres_url: Option<&str>) -> BTreeMap<Service, String> {
    let mut urls = BTreeMap::new();
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

fn usher_runtime_seal_key() -> String {
    use secrecy::ExposeSecret as _;
    let key = usher_runtime::SealingKey::generate(&usher_runtime::Random::system());
    key.to_base64().expose_secret().to_owned()
}

/// The program under test: `USHER_BIN`, or the one that was built beside the tests.
pub fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("USHER_BIN") {
        return named.into();
    }
    let me = std::env::current_exe().expect("the test has a path");
    let folder = me.ancestors().find(|folder| folder.join("usher").is_file());
    folder.expect("build the program first: cargo build -p usher").join("usher")
}

/// Runs a command of the program to its end.
///
/// # Panics
/// If it fails, with what it wrote.
pub fn run(arguments: &[&str]) {
    let output = Command::new(program()).args(arguments).output().expect("the program must start");
    let wrote = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "usher {}: {wrote}", arguments.join(" "));
}

fn health_name(service: Service) -> String {
    let (package, name) = (service.name(), service.name());
    let (first, rest) = name.split_at(1);
    format!("usher.{package}.v1.{}{rest}Service", first.to_uppercase())
}

async fn serves(endpoint: String, service: String) -> Option<()> {
    let channel = Endpoint::from_shared(endpoint).ok()?.connect().await.ok()?;
    let answer = HealthClient::new(channel).check(HealthCheckRequest { service }).await.ok()?;
    (answer.into_inner().status() == ServingStatus::Serving).then_some(())
}
