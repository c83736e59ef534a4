//! What an event says to webhooks, and to those of which communities.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use prost_reflect::{DescriptorError, DescriptorPool, DynamicMessage};
use serde::Serialize;
use usher_api::community::{ApiKeyEvent, CommunityEvent, MemberEvent, RoleEvent, SettingsEvent};
use usher_api::invitation::InvitationEvent;
use usher_api::name::{ApiKeyName, ApiKeyOwner, CommunityName, InvitationName, MemberName, RoleName};
use usher_runtime::{Event, Failure, Timestamp};

/// The facts about each resource that webhooks are told of.
const FACTS: [(&str, &[&str]); 6] = [
    ("community", &["created", "updated", "suspended", "reactivated", "deleted", "undeleted", "purged"]),
    ("settings", &["updated"]),
    ("role", &["created", "updated", "deleted"]),
    ("member", &["created", "updated", "suspended", "reactivated", "deleted"]),
    ("apiKey", &["created", "updated", "revoked"]),
    (
        "invitation",
        &[
            "created",
            "resent",
            "updated",
            "sent",
            "delivery_failed",
            "accepted",
            "declined",
            "revoked",
            "expired",
            "reminder_due",
            "purged",
        ],
    ),
];

/// The type of what `TestWebhook` sends.
pub(crate) const TESTED: &str = "webhook.tested";

/// Whether webhooks can ask for it: a type, or `*` instead of the fact.
pub(crate) fn is_selector(text: &str) -> bool {
    let Some((resource, fact)) = text.split_once('.') else { return false };
    FACTS.iter().any(|(name, facts)| *name == resource && (fact == "*" || facts.contains(&fact)))
}

fn is_told(kind: &str) -> bool {
    is_selector(kind) && !kind.ends_with('*')
}

/// Whether a webhook that asked for `selectors`, separated by spaces, is told of `kind`.
pub(crate) fn is_wanted(selectors: &str, kind: &str) -> bool {
    let all = kind.split_once('.').map(|(resource, _)| format!("{resource}.*"));
    selectors.is_empty()
        || selectors.split_whitespace().any(|selector| selector == kind || Some(selector) == all.as_deref())
}

/// What the webhooks of some communities are told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Telling {
    pub(crate) communities: BTreeSet<CommunityName>,
    pub(crate) body: String,
}

/// Puts events into words. Clones share the contract.
#[derive(Clone)]
pub(crate) struct Tellings(DescriptorPool);

/// What is posted.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    timestamp: String,
    data: DynamicMessage,
}

impl Tellings {
    pub(crate) fn new() -> Result<Self, DescriptorError> {
        DescriptorPool::decode(usher_api::DESCRIPTOR_SET).map(Self)
    }

    /// What `event` says to whom. Nothing of a kind that webhooks are not told of.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn read(&self, event: &Event) -> Result<Vec<Telling>, Failure> {
        if !is_told(&event.kind) {
            return Ok(Vec::new());
        }
        let resource = event.kind.split('.').next().unwrap_or_default();
        if resource == "invitation" {
            return self.of_invitation(event);
        }
        let payload = event.payload.as_slice();
        let (message, communities) = match resource {
            "community" => ("CommunityEvent", of_community(&decode::<CommunityEvent>(payload)?)?),
            "settings" => ("SettingsEvent", of_settings(&decode::<SettingsEvent>(payload)?)?),
            "role" => ("RoleEvent", of_role(&decode::<RoleEvent>(payload)?)?),
            "member" => ("MemberEvent", of_member(&decode::<MemberEvent>(payload)?)?),
            "apiKey" => ("ApiKeyEvent", of_api_key(&decode::<ApiKeyEvent>(payload)?)?),
            _ => return Ok(Vec::new()),
        };
        let message = format!("usher.community.v1.{message}");
        let body = self.body(&event.kind, event.occur_time, &message, payload)?;
        Ok(vec![Telling { communities, body }])
    }

    /// All of it to the community at the top. To each community inside that it names, what it offers there: who administers that one
    /// need not know of its siblings.
    fn of_invitation(&self, event: &Event) -> Result<Vec<Telling>, Failure> {
        let whole = decode::<InvitationEvent>(&event.payload)?;
        let name: InvitationName = whole.invitation.parse().map_err(Failure::internal)?;
        let mut grants = BTreeMap::from([(name.root, whole.grants.clone())]);
        for grant in &whole.grants {
            let community: CommunityName = grant.community.parse().map_err(Failure::internal)?;
            if community != name.root {
                grants.entry(community).or_insert_with(Vec::new).push(grant.clone());
            }
        }
        let mut tellings = Vec::new();
        for (community, grants) in grants {
            let part = InvitationEvent { grants, ..whole.clone() }.encode_to_vec();
            let message = "usher.invitation.v1.InvitationEvent";
            let body = self.body(&event.kind, event.occur_time, message, &part)?;
            tellings.push(Telling { communities: BTreeSet::from([community]), body });
        }
        Ok(tellings)
    }

    /// What is posted: `payload`, of the type `message`, in the JSON of Protocol Buffers, and what it is about.
    pub(crate) fn body(
        &self,
        kind: &str,
        time: Timestamp,
        message: &str,
        payload: &[u8],
    ) -> Result<String, Failure> {
        let descriptor = self.0.get_message_by_name(message);
        let descriptor = descriptor.ok_or_else(|| Failure::internal(format!("there is no {message}")))?;
        let data = DynamicMessage::decode(descriptor, payload).map_err(Failure::internal)?;
        serde_json::to_string(&Body { r#type: kind, timestamp: time.rfc3339(), data })
            .map_err(Failure::internal)
    }
}

fn decode<M: Message + Default>(payload: &[u8]) -> Result<M, Failure> {
    M::decode(payload).map_err(Failure::internal)
}

/// A community and the one at the top of its tree. Events of an earlier version may not name that.
fn in_tree(community: CommunityName, root: &str) -> Result<BTreeSet<CommunityName>, Failure> {
    let root = Some(root).filter(|root| !root.is_empty()).map(str::parse).transpose();
    Ok(root.map_err(Failure::internal)?.into_iter().chain([community]).collect())
}

fn of_community(event: &CommunityEvent) -> Result<BTreeSet<CommunityName>, Failure> {
    in_tree(event.community.parse().map_err(Failure::internal)?, &event.root)
}

fn of_settings(event: &SettingsEvent) -> Result<BTreeSet<CommunityName>, Failure> {
    let community = event.settings.strip_suffix("/settings").unwrap_or_default();
    in_tree(community.parse().map_err(Failure::internal)?, &event.root)
}

fn of_role(event: &RoleEvent) -> Result<BTreeSet<CommunityName>, Failure> {
    let name: RoleName = event.role.parse().map_err(Failure::internal)?;
    in_tree(name.community, &event.root)
}

fn of_member(event: &MemberEvent) -> Result<BTreeSet<CommunityName>, Failure> {
    let name: MemberName = event.member.parse().map_err(Failure::internal)?;
    in_tree(name.community, &event.root)
}

/// Keys of service accounts are of no community.
fn of_api_key(event: &ApiKeyEvent) -> Result<BTreeSet<CommunityName>, Failure> {
    let name: ApiKeyName = event.api_key.parse().map_err(Failure::internal)?;
    match name.owner {
        ApiKeyOwner::Community(community) => in_tree(community, &event.root),
        ApiKeyOwner::ServiceAccount(_) => Ok(BTreeSet::new()),
    }
}

#[cfg(test)]
mod tests {
    use usher_api::community::Grant;
    use uuid::Uuid;

    use super::*;

    fn event(kind: &str, message: &impl Message) -> Event {
        Event {
            service: "community".to_owned(),
            id: Uuid::from_u128(1),
            kind: kind.to_owned(),
            resource: String::new(),
            version: 1,
            occur_time: Timestamp(0),
            traceparent: String::new(),
            payload: message.encode_to_vec(),
            publication: 0,
        }
    }

    fn community(number: u128) -> CommunityName {
        CommunityName(Uuid::from_u128(number))
    }

    #[test]
    fn types_and_whole_resources_can_be_asked_for() {
        for good in ["member.created", "member.*", "apiKey.revoked", "invitation.delivery_failed"] {
            assert!(is_selector(good), "{good}");
        }
        for bad in ["", "*", "member", "member.", "member.framed", "user.created", "webhook.tested", "*.*"] {
            assert!(!is_selector(bad), "{bad}");
        }
        assert!(is_wanted("", "role.created") && is_wanted("member.* role.created", "role.created"));
        assert!(is_wanted("member.*", "member.deleted") && !is_wanted("member.created", "member.deleted"));
    }

    #[test]
    fn a_community_inside_learns_nothing_of_what_its_siblings_are_offered() {
        let grant = |number| Grant { community: community(number).to_string(), ..Grant::default() };
        let invitation = InvitationName { root: community(1), id: Uuid::from_u128(9) };
        let message = InvitationEvent {
            invitation: invitation.to_string(),
            grants: vec![grant(2), grant(3)],
            ..InvitationEvent::default()
        };
        let told = Tellings::new().unwrap().read(&event("invitation.created", &message)).unwrap();
        let says = |reader: u128, of: u128| {
            let telling = told.iter().find(|it| it.communities.contains(&community(reader))).unwrap();
            telling.body.contains(&format!("\"community\":\"{}\"", community(of)))
        };
        assert!(says(1, 2) && says(1, 3) && says(2, 2) && says(3, 3));
        assert!(!says(2, 3) && !says(3, 2));
    }

    #[test]
    fn events_of_no_community_and_of_unknown_kinds_are_told_to_nobody() {
        let tellings = Tellings::new().unwrap();
        let key = ApiKeyEvent {
            api_key: format!("serviceAccounts/{0}/apiKeys/{0}", Uuid::from_u128(5)),
            ..ApiKeyEvent::default()
        };
        let told = tellings.read(&event("apiKey.created", &key)).unwrap();
        assert!(told.iter().all(|telling| telling.communities.is_empty()));
        assert_eq!(tellings.read(&event("member.framed", &key)).unwrap(), []);
        assert!(tellings.read(&event("member.created", &key)).is_err());
    }
}
