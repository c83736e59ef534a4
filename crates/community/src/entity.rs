//! The tables, and what their rows look like to clients.

pub mod community;
pub mod image;
pub mod member;
pub mod member_role;
pub mod offer;
pub mod offered_role;
pub mod permission;
pub mod person;
pub mod revision;
pub mod role;
pub mod role_permission;
pub mod seat_reservation;
pub mod settings;
