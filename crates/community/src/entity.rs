//! The tables, and what their rows look like to clients.

pub mod community;
pub mod member;
pub mod member_role;
pub mod permission;
pub mod role;
pub mod role_permission;
