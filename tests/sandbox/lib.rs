//! A place to run the suite in: private servers in a temporary folder on free ports, ended with whoever started them.
//!
//! `sandbox --database … --topology … -- COMMAND` starts a [`Suite`] and runs the tests in it; [`current`] tells them where
//! it is. Tests that break things start a suite of their own with [`Suite::start`].

pub mod caller;
pub mod description;
pub mod layout;
pub mod nats;
pub mod ports;
pub mod postgres;
pub mod preparation;
pub mod process;
pub mod program;
pub mod settings;
pub mod smtp;
pub mod suite;
pub mod until;

pub use caller::Caller;
pub use description::{Database, Description, Service, Topology, current};
pub use program::program;
pub use suite::{Options, Suite};
pub use until::until;
