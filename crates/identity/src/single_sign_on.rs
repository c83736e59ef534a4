//! Signing in by the identity provider of a community, which this service is a client of: OpenID Connect, authorisation code flow
//! with PKCE.
//!
//! | file | what is in it |
//! |---|---|
//! | `provider.rs` | what is asked of a provider, and what of its answers is believed |
//! | `state.rs` | sign-ins that have begun |
//! | `arrival.rs` | whose account it is that somebody arrives with |

mod arrival;
mod provider;
mod state;

use std::num::NonZeroU16;
use std::time::Duration;

use openidconnect::RedirectUrl;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use serde::{Deserialize, Serialize};
use usher_api::name::ConnectionName;
use usher_runtime::WebClient;
use usher_runtime::web_client::Reach;

use crate::entity::{community_rule, connection};
use crate::error::Error;

pub(crate) use arrival::arrive;
pub(crate) use provider::{Provider, SECRET_PURPOSE};
pub(crate) use state::{LIFE, begin, take};

/// `[identity.single_sign_on]`: how people sign in by the identity providers of their communities.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SingleSignOnConfig {
    /// The page that providers send people back to, exactly as every provider must know it. Without it there is no single
    /// sign-on.
    pub redirect_uri: Option<RedirectUrl>,
    /// Whether providers may be on this machine, then also by plain HTTP. For tests.
    pub allow_loopback: bool,
    /// How many sign-ins are begun at most within a minute from one source, an IPv4 address or a /64 of IPv6: each asks a provider.
    pub starts_per_minute: NonZeroU16,
}

impl Default for SingleSignOnConfig {
    fn default() -> Self {
        let starts_per_minute = const { NonZeroU16::new(30).unwrap() };
        Self { redirect_uri: None, allow_loopback: false, starts_per_minute }
    }
}

/// How long a provider may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

impl SingleSignOnConfig {
    /// What calls providers, whose addresses strangers chose.
    pub(crate) fn client(&self) -> WebClient {
        let reach = if self.allow_loopback { Reach::Loopback } else { Reach::Public };
        WebClient::new(reach, PATIENCE)
    }
}

/// The connection, if people can sign in by it at this moment.
///
/// # Errors
/// [`Error::ConnectionNotFound`], [`Error::ConnectionUnavailable`]
pub(crate) async fn available(
    reader: &impl ConnectionTrait,
    name: ConnectionName,
) -> Result<connection::Model, Error> {
    let row = connection::Entity::find_by_id(name.id).one(reader).await?;
    let row =
        row.filter(|row| row.community_id == name.community.0).ok_or(Error::ConnectionNotFound(name))?;
    if !row.enabled || is_stopped(reader, &row).await? {
        return Err(Error::ConnectionUnavailable(name));
    }
    Ok(row)
}

/// Whether the community, or the one above it, is suspended or deleted.
async fn is_stopped(reader: &impl ConnectionTrait, connection: &connection::Model) -> Result<bool, Error> {
    use community_rule::{Column, Entity};
    let stopped = Entity::find()
        .filter(Column::CommunityId.is_in([connection.community_id, connection.root_id]))
        .filter(Condition::any().add(Column::Deleted.eq(true)).add(Column::Suspended.eq(true)));
    Ok(stopped.one(reader).await?.is_some())
}
