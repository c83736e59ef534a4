//! The tables of this service.

pub(crate) mod allowance;
pub(crate) mod grant;
pub(crate) mod invitation;
pub(crate) mod token;
