//! The tables of this service.

pub(crate) mod acceptance;
pub(crate) mod allowance;
pub(crate) mod grant;
pub(crate) mod history;
pub(crate) mod invitation;
pub(crate) mod token;
pub(crate) mod watched_tree;
