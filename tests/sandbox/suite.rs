//! A running suite: the real program, its servers, and the description for tests.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::layout::process_name;
use crate::nats::Nats;
use crate::ports::Port;
use crate::postgres::Postgres;
use crate::preparation::{databases, prepare, write_settings};
use crate::process::Process;
use crate::program::program;
use crate::smtp::{Offer, Smtp};
use crate::{Database, Description, Service, Topology, until};

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
    /// What the mail server offers.
    pub mail: Offer,
    /// Settings that differ from those of every suite, by section: lines of TOML.
    pub settings: BTreeMap<&'static str, String>,
}

impl Options {
    /// One process of each kind, with servers of its own.
    pub fn new(database: Database, topology: Topology) -> Self {
        Self {
            database,
            topology,
            replicas: BTreeMap::new(),
            max_connections: 10,
            postgres_url: None,
            mail: Offer::default(),
            settings: BTreeMap::new(),
        }
    }

    /// The same with so many processes of `service`.
    #[must_use]
    pub fn with_replicas(mut self, service: Service, count: usize) -> Self {
        self.replicas.insert(service, count);
        self
    }

    /// The same with more lines in the section `name` of the settings.
    #[must_use]
    pub fn with(mut self, name: &'static str, lines: &str) -> Self {
        let section = self.settings.entry(name).or_default();
        section.push_str(lines);
        section.push('\n');
        self
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
    /// Starts a suite with its files in `folder`, which must exist, and waits until every service is ready. It ends with the
    /// thread that starts it.
    ///
    /// # Panics
    /// If something does not start, with the end of its log.
    pub async fn start(folder: &Path, options: &Options) -> io::Result<Self> {
        let smtp = Smtp::start(&folder.join("mailbox"), options.mail.clone())?;
        let nats = match options.topology {
            Topology::Apart => Some(Nats::start(folder).await?),
            Topology::Together => None,
        };
        let postgres = match (options.database, &options.postgres_url) {
            (Database::Postgres, None) => Some(Postgres::start(folder).await?),
            _ => None,
        };
        let postgres_url =
            postgres.as_ref().map(|server| server.url("postgres")).or(options.postgres_url.clone());
        let ports = ports(options);
        let description = Description {
            database: options.database,
            topology: options.topology,
            folder: folder.to_owned(),
            endpoints: endpoints(&ports),
            databases: databases(folder, options.database, postgres_url.as_deref()).await,
            postgres_url,
            nats_url: nats.as_ref().map(Nats::url),
            mailbox: smtp.mailbox.clone(),
            tests_key: folder.join("keys/tests.pem"),
            admin_email: ADMIN_EMAIL.to_owned(),
            admin_password: ADMIN_PASSWORD.to_owned(),
        };
        prepare(&description, smtp.port, options)?;
        let mut suite = Self { description, processes: BTreeMap::new(), nats, postgres, smtp };
        suite.launch(ports)?;
        suite.ready().await;
        Ok(suite)
    }

    /// Starts the processes, each when the one before it was started. Their ports are kept until then.
    fn launch(&mut self, ports: Ports) -> io::Result<()> {
        for (member, port) in self.description.members().into_iter().zip(ports.into_values().flatten()) {
            drop(port);
            let process = self.process(member.service, member.replica)?;
            self.processes.entry(member.service).or_default().push(process);
        }
        Ok(())
    }

    /// Writes the settings anew, for processes that are started from now on.
    pub fn write_settings(&self, options: &Options) -> io::Result<()> {
        write_settings(&self.description, self.smtp.port, options)
    }

    /// Starts a process of `service`, for instance again after it was ended.
    pub fn process(&self, service: Service, replica: usize) -> io::Result<Process> {
        let suite = &self.description;
        let (program, names) = (program(), suite.service_names(service));
        let file = suite.settings_file(service, replica);
        let (program, file) = (program.to_string_lossy(), file.to_string_lossy());
        let command = [&*program, "serve", "--services", &names, "--config", &*file];
        Process::start(&suite.folder, &process_name(service, replica), None, &command)
    }

    /// Waits until every service of every process says that it serves.
    ///
    /// # Panics
    /// If a process ends meanwhile, with the end of its log.
    pub async fn ready(&mut self) {
        for member in self.description.members() {
            for service in self.description.services_with(member.service) {
                let name = health_name(service);
                until(&format!("{name} at {} is ready", member.endpoint), || {
                    self.all().for_each(Process::assert_alive);
                    serves(member.endpoint.clone(), name.clone())
                })
                .await;
            }
        }
    }

    /// Ends the suite and tells what was not as it must be: a process of the program that had ended by itself, that did not end
    /// orderly and in time, or that panicked.
    pub fn stop(mut self) -> Vec<String> {
        let early: Vec<_> = self.all().map(Process::obituary).collect();
        self.tell_to_end();
        let mut complaints = Vec::new();
        for (process, early) in self.all().zip(early) {
            complaints.extend(early.or_else(|| process.farewell()));
            complaints.extend(process.panics());
        }
        complaints
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Process> {
        self.processes.values_mut().flatten()
    }

    fn tell_to_end(&mut self) {
        self.all().for_each(Process::tell_to_end);
    }
}

/// All are told before the first is waited for; then they are dropped, the servers after those who use them.
impl Drop for Suite {
    fn drop(&mut self) {
        self.tell_to_end();
    }
}

/// The ports of each service's processes.
type Ports = BTreeMap<Service, Vec<Port>>;

fn ports(options: &Options) -> Ports {
    let services: &[Service] = match options.topology {
        Topology::Together => &Service::ALL[..1],
        Topology::Apart => &Service::ALL,
    };
    let replicas = |service: &Service| match options.topology {
        Topology::Together => 1,
        Topology::Apart => options.replicas.get(service).copied().unwrap_or(1),
    };
    let of_service =
        |service: &Service| (*service, (0..replicas(service)).map(|_| Port::reserve()).collect());
    services.iter().map(of_service).collect()
}

/// The addresses of each service; those that have no ports of their own are with the first.
fn endpoints(ports: &Ports) -> BTreeMap<Service, Vec<String>> {
    let of_service = |service: Service| {
        let ports = ports.get(&service).unwrap_or(&ports[&Service::ALL[0]]).iter();
        (service, ports.map(|port| format!("http://127.0.0.1:{}", port.number())).collect())
    };
    Service::ALL.into_iter().map(of_service).collect()
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
