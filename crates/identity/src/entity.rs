//! The tables of this service.

pub(crate) mod account;
pub(crate) mod account_mail;
pub(crate) mod account_mail_token;
pub(crate) mod api_key;
pub(crate) mod backup_code;
pub(crate) mod challenge;
pub(crate) mod community_rule;
pub(crate) mod connection;
pub(crate) mod link;
pub(crate) mod membership;
pub(crate) mod picture;
pub(crate) mod recovery_code;
pub(crate) mod session;
pub(crate) mod sign_in;
pub(crate) mod sign_in_guard;
pub(crate) mod sign_on;
pub(crate) mod signing_key;
pub(crate) mod totp;
pub(crate) mod totp_enrollment;
