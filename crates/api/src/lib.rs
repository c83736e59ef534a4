//! The public contract of Usher in Rust: what `proto/` says, generated, and the resource names in it.
//!
//! | module | what is in it |
//! |---|---|
//! | [`identity`], [`community`], [`invitation`], [`notifier`] | messages, clients and servers of a service |
//! | [`rpc`] | what holds for every RPC: access and the shared refusals |
//! | [`access`] | who may call which RPC, as the proto files declare it |
//! | [`name`] | resource names such as `communities/{community}` |

pub mod access;
pub mod name;

/// Everything in `proto/`, for reflection and for tests that walk all RPCs: an encoded `FileDescriptorSet`.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor_set.bin"));

/// The identity service: accounts, sessions, keys.
pub mod identity {
    pub use super::generated::identity::v1::*;
}

/// The community service: communities, roles, access.
pub mod community {
    pub use super::generated::community::v1::*;
}

/// The invitation service.
pub mod invitation {
    pub use super::generated::invitation::v1::*;
}

/// The notifier service: deliveries.
pub mod notifier {
    pub use super::generated::notifier::v1::*;
}

/// What holds for every RPC.
pub mod rpc {
    pub use super::generated::rpc::v1::*;
}

#[allow(
    clippy::allow_attributes,
    clippy::all,
    clippy::pedantic,
    missing_docs,
    reason = "generated; the proto files are linted instead, and which lints fire is not ours to say"
)]
mod generated {
    pub mod identity {
        pub mod v1 {
            tonic::include_proto!("usher.identity.v1");
        }
    }
    pub mod community {
        pub mod v1 {
            tonic::include_proto!("usher.community.v1");
        }
    }
    pub mod invitation {
        pub mod v1 {
            tonic::include_proto!("usher.invitation.v1");
        }
    }
    pub mod notifier {
        pub mod v1 {
            tonic::include_proto!("usher.notifier.v1");
        }
    }
    pub mod rpc {
        pub mod v1 {
            tonic::include_proto!("usher.rpc.v1");
        }
    }
}
