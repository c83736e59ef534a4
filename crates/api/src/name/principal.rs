//! The names of those who can hold authority, and of the keys by which programs do.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::{CommunityName, InvalidName, ServiceAccountName, UserName, canonical_uuid};

/// Whose an API key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ApiKeyOwner {
    /// A community: the key has permissions of its own there.
    Community(CommunityName),
    /// A service account: the key stands for it.
    ServiceAccount(ServiceAccountName),
}

impl fmt::Display for ApiKeyOwner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Community(name) => name.fmt(formatter),
            Self::ServiceAccount(name) => name.fmt(formatter),
        }
    }
}

impl FromStr for ApiKeyOwner {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let community = text.parse().map(Self::Community);
        community
            .or_else(|_| text.parse().map(Self::ServiceAccount))
            .map_err(|_: InvalidName| InvalidName { pattern: "communities/{community}" })
    }
}

/// `communities/{community}/apiKeys/{api_key}` or `serviceAccounts/{service_account}/apiKeys/{api_key}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiKeyName {
    /// Whose it is.
    pub owner: ApiKeyOwner,
    /// The id of the key.
    pub id: Uuid,
}

impl fmt::Display for ApiKeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/apiKeys/{}", self.owner, self.id)
    }
}

impl FromStr for ApiKeyName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        text.split_once("/apiKeys/")
            .and_then(|(owner, id)| Some(Self { owner: owner.parse().ok()?, id: canonical_uuid(id)? }))
            .ok_or(InvalidName { pattern: "communities/{community}/apiKeys/{api_key}" })
    }
}

/// Whoever can hold authority: a person, an API key of a community, or a service account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalName {
    /// `users/{user}`.
    User(UserName),
    /// `communities/{community}/apiKeys/{api_key}`.
    ApiKey {
        /// Whose it is.
        community: CommunityName,
        /// The id of the key.
        id: Uuid,
    },
    /// `serviceAccounts/{service_account}`.
    ServiceAccount(ServiceAccountName),
}

impl PrincipalName {
    /// The id, of whatever kind it is. No two principals have the same.
    #[must_use]
    pub fn id(self) -> Uuid {
        match self {
            Self::User(name) => name.0,
            Self::ApiKey { id, .. } => id,
            Self::ServiceAccount(name) => name.0,
        }
    }

    /// The person, if it is one.
    #[must_use]
    pub fn user(self) -> Option<UserName> {
        match self {
            Self::User(name) => Some(name),
            Self::ApiKey { .. } | Self::ServiceAccount(_) => None,
        }
    }
}

impl From<UserName> for PrincipalName {
    fn from(name: UserName) -> Self {
        Self::User(name)
    }
}

impl fmt::Display for PrincipalName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::User(name) => name.fmt(formatter),
            Self::ApiKey { community, id } => {
                ApiKeyName { owner: ApiKeyOwner::Community(community), id }.fmt(formatter)
            }
            Self::ServiceAccount(name) => name.fmt(formatter),
        }
    }
}

impl FromStr for PrincipalName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if let Ok(user) = text.parse() {
            return Ok(Self::User(user));
        }
        if let Ok(account) = text.parse() {
            return Ok(Self::ServiceAccount(account));
        }
        match text.parse() {
            Ok(ApiKeyName { owner: ApiKeyOwner::Community(community), id }) => {
                Ok(Self::ApiKey { community, id })
            }
            _ => Err(InvalidName { pattern: "users/{user}" }),
        }
    }
}
