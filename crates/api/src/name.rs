//! Resource names, parsed at the edge so that inside only valid ones exist (AIP-122).

mod principal;

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

pub use principal::{ApiKeyName, ApiKeyOwner, PrincipalName};

/// A text that is not the resource name that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be of the form `{pattern}`")]
pub struct InvalidName {
    /// The expected form.
    pub pattern: &'static str,
}

/// Declares a name of the form `collection/{uuid}`.
macro_rules! top_level_name {
    ($(#[$doc:meta])* $type:ident, $collection:literal, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(pub Uuid);

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!($collection, "/{}"), self.0)
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let id = text.strip_prefix(concat!($collection, "/")).and_then(canonical_uuid);
                id.map(Self).ok_or(InvalidName { pattern: $pattern })
            }
        }
    };
}

top_level_name! {
    /// `users/{user}`.
    UserName, "users", "users/{user}"
}
top_level_name! {
    /// `communities/{community}`.
    CommunityName, "communities", "communities/{community}"
}
top_level_name! {
    /// `deliveries/{delivery}`.
    DeliveryName, "deliveries", "deliveries/{delivery}"
}
top_level_name! {
    /// `suppressions/{suppression}`.
    SuppressionName, "suppressions", "suppressions/{suppression}"
}
top_level_name! {
    /// `deadLetters/{dead_letter}`.
    DeadLetterName, "deadLetters", "deadLetters/{dead_letter}"
}
top_level_name! {
    /// `mails/{mail}`: a mail about an account.
    MailName, "mails", "mails/{mail}"
}

top_level_name! {
    /// `serviceAccounts/{service_account}`.
    ServiceAccountName, "serviceAccounts", "serviceAccounts/{service_account}"
}

/// `communities/{root}/invitations/{invitation}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InvitationName {
    /// The community at the top of the tree.
    pub root: CommunityName,
    /// The id of the invitation.
    pub id: Uuid,
}

impl fmt::Display for InvitationName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/invitations/{}", self.root, self.id)
    }
}

impl FromStr for InvitationName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        parse_child(text, "/invitations/")
            .and_then(|(root, id)| Some(Self { root, id: canonical_uuid(id)? }))
            .ok_or(InvalidName { pattern: "communities/{root}/invitations/{invitation}" })
    }
}

/// `users/{user}/sessions/{session}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionName {
    /// Whose it is.
    pub user: UserName,
    /// The id of the session, which access tokens name.
    pub id: Uuid,
}

impl fmt::Display for SessionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/sessions/{}", self.user, self.id)
    }
}

impl FromStr for SessionName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        text.split_once("/sessions/")
            .and_then(|(user, id)| Some(Self { user: user.parse().ok()?, id: canonical_uuid(id)? }))
            .ok_or(InvalidName { pattern: "users/{user}/sessions/{session}" })
    }
}

/// `users/{user}/passkeys/{passkey}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PasskeyName {
    /// Whose it is.
    pub user: UserName,
    /// The id of the passkey.
    pub id: Uuid,
}

impl fmt::Display for PasskeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/passkeys/{}", self.user, self.id)
    }
}

impl FromStr for PasskeyName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        text.split_once("/passkeys/")
            .and_then(|(user, id)| Some(Self { user: user.parse().ok()?, id: canonical_uuid(id)? }))
            .ok_or(InvalidName { pattern: "users/{user}/passkeys/{passkey}" })
    }
}

/// `users/{user}/signIns/{sign_in}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignInName {
    /// Whose account it was tried with.
    pub user: UserName,
    /// The id of the attempt.
    pub id: Uuid,
}

impl fmt::Display for SignInName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/signIns/{}", self.user, self.id)
    }
}

/// `communities/{community}/connections/{connection}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionName {
    /// Whose it is.
    pub community: CommunityName,
    /// The id of the connection.
    pub id: Uuid,
}

impl fmt::Display for ConnectionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/connections/{}", self.community, self.id)
    }
}

impl FromStr for ConnectionName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        parse_child(text, "/connections/")
            .and_then(|(community, id)| Some(Self { community, id: canonical_uuid(id)? }))
            .ok_or(InvalidName { pattern: "communities/{community}/connections/{connection}" })
    }
}

/// `communities/{community}/webhooks/{webhook}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WebhookName {
    /// Whose it is.
    pub community: CommunityName,
    /// The id of the webhook.
    pub id: Uuid,
}

impl fmt::Display for WebhookName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/webhooks/{}", self.community, self.id)
    }
}

impl FromStr for WebhookName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        parse_child(text, "/webhooks/")
            .and_then(|(community, id)| Some(Self { community, id: canonical_uuid(id)? }))
            .ok_or(InvalidName { pattern: "communities/{community}/webhooks/{webhook}" })
    }
}

/// `communities/{community}/webhooks/{webhook}/deliveries/{delivery}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WebhookDeliveryName {
    /// To which webhook.
    pub webhook: WebhookName,
    /// The id of the delivery.
    pub id: Uuid,
}

impl fmt::Display for WebhookDeliveryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/deliveries/{}", self.webhook, self.id)
    }
}

impl FromStr for WebhookDeliveryName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        text.split_once("/deliveries/")
            .and_then(|(webhook, id)| Some(Self { webhook: webhook.parse().ok()?, id: canonical_uuid(id)? }))
            .ok_or(InvalidName {
                pattern: "communities/{community}/webhooks/{webhook}/deliveries/{delivery}",
            })
    }
}

/// `communities/{community}/members/{user}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemberName {
    /// The community.
    pub community: CommunityName,
    /// The id of the person.
    pub user: Uuid,
}

impl fmt::Display for MemberName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/members/{}", self.community, self.user)
    }
}

impl FromStr for MemberName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        parse_child(text, "/members/")
            .and_then(|(community, id)| Some(Self { community, user: canonical_uuid(id)? }))
            .ok_or(InvalidName { pattern: "communities/{community}/members/{user}" })
    }
}

/// `communities/{community}/roles/{role}`. The id is that of a built-in role, or a UUID; which ids exist is for the
/// community service to say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleName {
    /// The community whose role it is.
    pub community: CommunityName,
    /// 1 to 64 characters of `a-z`, `0-9`, `_` and `-`.
    pub id: String,
}

impl fmt::Display for RoleName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/roles/{}", self.community, self.id)
    }
}

impl FromStr for RoleName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let allowed = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '_' | '-');
        parse_child(text, "/roles/")
            .filter(|(_, id)| (1..=64).contains(&id.len()) && id.chars().all(allowed))
            .map(|(community, id)| Self { community, id: id.to_owned() })
            .ok_or(InvalidName { pattern: "communities/{community}/roles/{role}" })
    }
}

fn parse_child<'a>(text: &'a str, collection: &str) -> Option<(CommunityName, &'a str)> {
    let (parent, id) = text.split_once(collection)?;
    Some((parent.parse().ok()?, id))
}

/// A UUID in its one canonical spelling: a resource has one name, so that names can be compared as text.
fn canonical_uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.hyphenated().to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0199c0de-0000-7000-8000-000000000001";

    #[test]
    fn names_survive_a_round_trip() {
        let invitation = format!("communities/{ID}/invitations/{ID}");
        assert_eq!(invitation.parse::<InvitationName>().unwrap().to_string(), invitation);
        let delivery = format!("communities/{ID}/webhooks/{ID}/deliveries/{ID}");
        assert_eq!(delivery.parse::<WebhookDeliveryName>().unwrap().to_string(), delivery);
        let role = format!("communities/{ID}/roles/manage_member");
        assert_eq!(role.parse::<RoleName>().unwrap().to_string(), role);
        let member = format!("communities/{ID}/members/{ID}");
        assert_eq!(member.parse::<MemberName>().unwrap().to_string(), member);
        let user = format!("users/{ID}");
        assert_eq!(user.parse::<UserName>().unwrap().to_string(), user);
        for owner in ["communities", "serviceAccounts"] {
            let key = format!("{owner}/{ID}/apiKeys/{ID}");
            assert_eq!(key.parse::<ApiKeyName>().unwrap().to_string(), key);
        }
    }

    #[test]
    fn a_key_of_a_service_account_holds_no_authority_of_its_own() {
        for principal in
            [format!("users/{ID}"), format!("serviceAccounts/{ID}"), format!("communities/{ID}/apiKeys/{ID}")]
        {
            assert_eq!(principal.parse::<PrincipalName>().unwrap().to_string(), principal);
        }
        for other in [format!("serviceAccounts/{ID}/apiKeys/{ID}"), format!("communities/{ID}")] {
            assert!(other.parse::<PrincipalName>().is_err(), "{other}");
        }
    }

    #[test]
    fn other_texts_are_not_names() {
        let upper = format!("users/{}", ID.to_uppercase());
        for text in [
            "",
            "users/",
            "users/me",
            "communities/1",
            upper.as_str(),
            "users/0199c0de000070008000000000000001",
        ] {
            assert!(text.parse::<UserName>().is_err(), "{text}");
        }
        for id in ["", "Admin", "a/b", "a b"] {
            assert!(format!("communities/{ID}/roles/{id}").parse::<RoleName>().is_err(), "{id}");
        }
    }
}
