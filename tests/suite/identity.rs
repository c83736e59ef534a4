//! The identity service, one file for each RPC.
