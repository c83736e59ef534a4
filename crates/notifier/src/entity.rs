//! The tables of this service, one file each, and how their rows become resources.

pub mod dead_letter;
pub mod delivery;
pub mod suppression;
pub mod webhook;
pub mod webhook_delivery;
pub mod webhook_owner;
