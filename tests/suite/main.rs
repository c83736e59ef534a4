//! Every test that goes through an RPC or a process. `tests/run suite` starts the services and runs it.
//!
//! One file for each RPC, under the name of its service; `journey` tells stories across services, `contract` walks all RPCs,
//! `fault` breaks things, and `program` meets the program as its operators do. All tests of a combination share one running suite, so each makes what it needs under names of
//! its own.

mod support;

mod community;
mod contract;
mod fault;
mod identity;
mod invitation;
mod journey;
mod notifier;
mod program;
