//! Connections to the identity providers of communities: what requests may say of them.
//!
//! All of a connection is kept here, its secret sealed. What it needs of the community service is judged there, before it calls:
//! that whoever administers it may, and that the default role is one that he could give.

use std::collections::BTreeSet;

use openidconnect::url::Url;
use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::{ConnectionName, RoleName};
use usher_runtime::{Caller, Change, EmailAddress, Failure, Violations};

use crate::Identity;
use crate::entity::connection::{Entity, Model};
use crate::error::Error;
use crate::single_sign_on::SECRET_PURPOSE;

/// What can be changed of a connection.
pub(crate) const FIELDS: [&str; 5] = ["display_name", "client_id", "email_domains", "default_role", "state"];

const MOST_DOMAINS: usize = 20;
const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 1..=500;

/// Whether a request without a mask changes `field`.
pub(crate) fn is_filled(asked: &pb::Connection, field: &str) -> bool {
    match field {
        "display_name" => !asked.display_name.is_empty(),
        "client_id" => !asked.client_id.is_empty(),
        "email_domains" => !asked.email_domains.is_empty(),
        "default_role" => !asked.default_role.is_empty(),
        "state" => asked.state != 0,
        _ => false,
    }
}

/// Writes the fields of `mask` into `row`, and notes what is wrong with them.
pub(crate) fn apply(
    row: &mut Model,
    asked: &pb::Connection,
    mask: &BTreeSet<&str>,
    violations: &mut Violations,
) {
    if mask.contains("display_name") {
        row.display_name = violations.text("connection.display_name", &asked.display_name, 1..=100);
    }
    if mask.contains("client_id") {
        row.client_id = violations.text("connection.client_id", &asked.client_id, 1..=250);
    }
    if mask.contains("email_domains") {
        row.email_domains = domains(&asked.email_domains, violations);
    }
    if mask.contains("default_role") {
        let role = violations.check("connection.default_role", asked.default_role.parse::<RoleName>());
        row.default_role = role.map(|role| role.to_string()).unwrap_or_default();
    }
    if mask.contains("state") {
        row.enabled = asked.state() == pb::ConnectionState::Enabled;
        let known = asked.state() != pb::ConnectionState::Unspecified;
        violations.require(known, "connection.state", "must be ENABLED or DISABLED");
    }
}

fn domains(asked: &[String], violations: &mut Violations) -> String {
    let few = asked.len() <= MOST_DOMAINS;
    violations.require(
        few,
        "connection.email_domains",
        format_args!("must hold at most {MOST_DOMAINS} domains"),
    );
    let mut domains = BTreeSet::new();
    for (place, domain) in asked.iter().enumerate().take(MOST_DOMAINS) {
        // In the form in which addresses have it.
        let address: Result<EmailAddress, _> = format!("someone@{}", domain.trim()).parse();
        let address = address.ok().filter(|address| !address.domain().starts_with('['));
        let field = format!("connection.email_domains[{place}]");
        violations.require(address.is_some(), field, "must be the domain of e-mail addresses");
        domains.extend(address.map(|address| address.domain().to_owned()));
    }
    domains.into_iter().collect::<Vec<_>>().join(" ")
}

/// The issuer of a new connection.
pub(crate) fn issuer(service: &Identity, text: &str, violations: &mut Violations) -> String {
    violations.length("connection.issuer", text, 1..=500);
    let allowed = Url::parse(text).is_ok_and(|url| {
        let secure = url.scheme() == "https"
            || (service.config.single_sign_on.allow_loopback && url.scheme() == "http");
        let bare = url.query().is_none() && url.fragment().is_none();
        secure && bare && url.has_host() && url.username().is_empty() && url.password().is_none()
    });
    violations.require(allowed, "connection.issuer", "must be an https URL without query and fragment");
    text.to_owned()
}

/// The client secret, sealed.
pub(crate) fn seal_secret(service: &Identity, secret: &str, violations: &mut Violations) -> String {
    violations.length("client_secret", secret, SECRET_LENGTH);
    service.sealing.seal(&service.random, SECRET_PURPOSE, secret.as_bytes())
}

/// Refuses whoever does not administer the platform: the provider is about to be believed for domains.
pub(crate) fn require_belief(caller: &Caller, resource: &impl std::fmt::Display) -> Result<(), Failure> {
    match &caller.person {
        Some(person) if person.platform_admin => Ok(()),
        _ => Err(Failure::PermissionDenied {
            permission: "connections.believe".to_owned(),
            resource: resource.to_string(),
        }),
    }
}

/// The connection.
pub(crate) async fn find(reader: &impl ConnectionTrait, name: ConnectionName) -> Result<Model, Error> {
    let row = Entity::find_by_id(name.id).one(reader).await?;
    row.filter(|row| row.name() == name).ok_or(Error::ConnectionNotFound(name))
}

/// The connection, which nobody else changes until `change` ends.
pub(crate) async fn hold(change: &Change, name: ConnectionName, etag: &str) -> Result<Model, Error> {
    let row = Entity::find_by_id(name.id).lock_exclusive().one(&**change).await?;
    let row = row.filter(|row| row.name() == name).ok_or(Error::ConnectionNotFound(name))?;
    if etag.is_empty() || etag == row.version.to_string() {
        return Ok(row);
    }
    Err(Failure::EtagMismatch { resource: name.to_string() }.into())
}
