//! Which processes a suite consists of, and where their files are.

use std::path::PathBuf;

use crate::{Description, Service, Topology};

/// A process of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The first of its services.
    pub service: Service,
    /// Its number among the processes of that service, from 0.
    pub replica: usize,
    /// Where it listens, `http://127.0.0.1:…`.
    pub endpoint: String,
}

impl Member {
    /// Where it listens, as settings say it.
    pub fn address(&self) -> &str {
        self.endpoint.trim_start_matches("http://")
    }
}

impl Description {
    /// Every process, in the order of dependencies.
    pub fn members(&self) -> Vec<Member> {
        let mut members = Vec::new();
        for service in Service::ALL {
            for (replica, endpoint) in self.endpoints[&service].iter().enumerate() {
                members.push(Member { service, replica, endpoint: endpoint.clone() });
            }
            if self.topology == Topology::Together {
                break;
            }
        }
        members
    }

    /// The services that run in the processes of `service`.
    pub fn services_with(&self, service: Service) -> Vec<Service> {
        match self.topology {
            Topology::Together => Service::ALL.to_vec(),
            Topology::Apart => vec![service],
        }
    }

    /// The same as the program's argument `--services`.
    pub fn service_names(&self, service: Service) -> String {
        self.services_with(service).iter().map(|service| service.name()).collect::<Vec<_>>().join(",")
    }

    /// The configuration file of a process.
    pub fn settings_file(&self, service: Service, replica: usize) -> PathBuf {
        self.folder.join(format!("{}.toml", process_name(service, replica)))
    }

    /// The keys by which processes know each other, and the key that seals.
    pub fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }
}

/// What a process is called: the stem of its configuration file and of its log.
pub fn process_name(service: Service, replica: usize) -> String {
    format!("{}-{replica}", service.name())
}
