//! The notifier service, one file for each RPC.
