//! What others learn of changes. Each function is called in the change that it tells of, after the version of the row was
//! raised by one.

use usher_api::community::{
    AccountState, ApiKeyEvent, CommunityEvent, CommunityState, MemberEvent, PermissionEvent, RoleEvent,
    ServiceAccountEvent, ServiceAccountState, SettingsEvent, UserStateEvent,
};
use usher_api::name::{CommunityName, UserName};
use usher_runtime::outbox::{self, NewEvent};
use usher_runtime::{Change, Timestamp};

use crate::Community;
use crate::entity::{api_key, community, member, person, role, service_account, settings};
use crate::error::Error;

/// What happened to a community.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommunityFact {
    Created,
    Updated,
    Suspended,
    Reactivated,
    Deleted,
    Undeleted,
    Purged,
}

/// What happened to a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoleFact {
    Created,
    Updated,
    Deleted,
}

/// What happened to a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberFact {
    Created,
    Updated,
    Suspended,
    Reactivated,
    Deleted,
}

/// What happened to a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PermissionFact {
    Registered,
    Deregistered,
}

impl CommunityFact {
    fn kind(self) -> &'static str {
        match self {
            Self::Created => "community.created",
            Self::Updated => "community.updated",
            Self::Suspended => "community.suspended",
            Self::Reactivated => "community.reactivated",
            Self::Deleted => "community.deleted",
            Self::Undeleted => "community.undeleted",
            Self::Purged => "community.purged",
        }
    }
}

impl RoleFact {
    fn kind(self) -> &'static str {
        match self {
            Self::Created => "role.created",
            Self::Updated => "role.updated",
            Self::Deleted => "role.deleted",
        }
    }
}

impl MemberFact {
    fn kind(self) -> &'static str {
        match self {
            Self::Created => "member.created",
            Self::Updated => "member.updated",
            Self::Suspended => "member.suspended",
            Self::Reactivated => "member.reactivated",
            Self::Deleted => "member.deleted",
        }
    }
}

impl PermissionFact {
    fn kind(self) -> &'static str {
        match self {
            Self::Registered => "permission.registered",
            Self::Deregistered => "permission.deregistered",
        }
    }
}

/// What happens to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserFact {
    Deactivated,
    Reactivated,
    Deleted,
    Undeleted,
}

impl UserFact {
    fn kind(self) -> &'static str {
        match self {
            Self::Deactivated => "user.deactivated",
            Self::Reactivated => "user.reactivated",
            Self::Deleted => "user.deleted",
            Self::Undeleted => "user.undeleted",
        }
    }

    /// The state that it leads to.
    pub(crate) fn state(self) -> person::State {
        match self {
            Self::Deactivated => person::State::Deactivated,
            Self::Reactivated | Self::Undeleted => person::State::Active,
            Self::Deleted => person::State::Deleted,
        }
    }
}

pub(crate) async fn of_community(
    service: &Community,
    change: &Change,
    row: &community::Model,
    fact: CommunityFact,
) -> Result<(), Error> {
    let state = match fact {
        CommunityFact::Purged => CommunityState::Unspecified,
        _ => row.state.into(),
    };
    let message = CommunityEvent {
        community: row.name().to_string(),
        version: row.version,
        occur_time: Some(row.update_time.into()),
        state: state.into(),
        root: CommunityName(row.root_id).to_string(),
    };
    let event = NewEvent {
        id: service.random.uuid(row.update_time),
        kind: fact.kind(),
        resource: row.name().to_string(),
        version: row.version,
        occur_time: row.update_time,
        message: &message,
    };
    Ok(outbox::record(change, event).await?)
}

/// Tells of the settings of a community in the tree of `root`.
pub(crate) async fn of_settings(
    service: &Community,
    change: &Change,
    root: CommunityName,
    row: &settings::Model,
) -> Result<(), Error> {
    let name = format!("{}/settings", CommunityName(row.community_id));
    let duration = |seconds| prost_types::Duration { seconds, nanos: 0 };
    let message = SettingsEvent {
        settings: name.clone(),
        version: row.version,
        occur_time: Some(row.update_time.into()),
        root: root.to_string(),
        session_duration: row.session_duration.map(duration),
        enforce_two_factor: row.enforce_two_factor,
    };
    let event = NewEvent {
        id: service.random.uuid(row.update_time),
        kind: "settings.updated",
        resource: name,
        version: row.version,
        occur_time: row.update_time,
        message: &message,
    };
    Ok(outbox::record(change, event).await?)
}

/// Tells what happened to a role in the tree of `root`.
pub(crate) async fn of_role(
    service: &Community,
    change: &Change,
    root: CommunityName,
    row: &role::Model,
    fact: RoleFact,
) -> Result<(), Error> {
    let message = RoleEvent {
        role: row.name().to_string(),
        version: row.version,
        occur_time: Some(row.update_time.into()),
        root: root.to_string(),
    };
    let event = NewEvent {
        id: service.random.uuid(row.update_time),
        kind: fact.kind(),
        resource: row.name().to_string(),
        version: row.version,
        occur_time: row.update_time,
        message: &message,
    };
    Ok(outbox::record(change, event).await?)
}

/// Tells of memberships in the tree of `root`, each with what happened to it.
pub(crate) async fn of_members(
    service: &Community,
    change: &Change,
    root: CommunityName,
    invitation: &str,
    rows: impl IntoIterator<Item = (&member::Model, MemberFact)>,
) -> Result<(), Error> {
    let rows: Vec<(&member::Model, MemberFact)> = rows.into_iter().collect();
    let messages: Vec<MemberEvent> = rows
        .iter()
        .map(|(row, _)| MemberEvent {
            member: row.name().to_string(),
            version: row.version,
            invitation: invitation.to_owned(),
            occur_time: Some(row.update_time.into()),
            root: root.to_string(),
            inherits: row.inherits,
            state: row.state.to_proto().into(),
        })
        .collect();
    let events = rows.iter().zip(&messages).map(|((row, fact), message)| NewEvent {
        id: service.random.uuid(row.update_time),
        kind: fact.kind(),
        resource: row.name().to_string(),
        version: row.version,
        occur_time: row.update_time,
        message,
    });
    Ok(outbox::record_all(change, events).await?)
}

/// Tells what happened to an account.
pub(crate) async fn of_user(
    service: &Community,
    change: &Change,
    row: &person::Model,
    fact: UserFact,
    now: Timestamp,
) -> Result<(), Error> {
    let name = UserName(row.user_id).to_string();
    let message = UserStateEvent {
        user: name.clone(),
        version: row.state_version,
        occur_time: Some(now.into()),
        state: AccountState::from(row.state).into(),
        purge_time: row.purge_time.map(Into::into),
    };
    let event = NewEvent {
        id: service.random.uuid(now),
        kind: fact.kind(),
        resource: name,
        version: row.state_version,
        occur_time: now,
        message: &message,
    };
    Ok(outbox::record(change, event).await?)
}

/// Tells of permissions. `version` is the number of the change in the catalogue.
pub(crate) async fn of_permissions(
    service: &Community,
    change: &Change,
    names: impl IntoIterator<Item = &str>,
    version: i64,
    fact: PermissionFact,
    now: Timestamp,
) -> Result<(), Error> {
    let messages: Vec<PermissionEvent> = names
        .into_iter()
        .map(|name| PermissionEvent { permission: name.to_owned(), version, occur_time: Some(now.into()) })
        .collect();
    let events = messages.iter().map(|message| NewEvent {
        id: service.random.uuid(now),
        kind: fact.kind(),
        resource: message.permission.clone(),
        version,
        occur_time: now,
        message,
    });
    Ok(outbox::record_all(change, events).await?)
}

/// Tells what happened to an API key: `apiKey.created`, `apiKey.updated` or `apiKey.revoked`. `root` is that of a community's key.
pub(crate) async fn of_api_key(
    service: &Community,
    change: &Change,
    root: Option<CommunityName>,
    row: &api_key::Model,
    kind: &'static str,
) -> Result<(), Error> {
    let name = row.name()?.to_string();
    let message = ApiKeyEvent {
        api_key: name.clone(),
        version: row.version,
        occur_time: Some(row.update_time.into()),
        root: root.map(|root| root.to_string()).unwrap_or_default(),
    };
    let event = NewEvent {
        id: service.random.uuid(row.update_time),
        kind,
        resource: name,
        version: row.version,
        occur_time: row.update_time,
        message: &message,
    };
    Ok(outbox::record(change, event).await?)
}

/// What happened to a service account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccountFact {
    Created,
    Updated,
    /// A community of the tree of `root` took back all that it had given.
    Left {
        community: CommunityName,
        root: CommunityName,
    },
    Deleted,
}

impl AccountFact {
    fn kind(self) -> &'static str {
        match self {
            Self::Created => "serviceAccount.created",
            Self::Updated | Self::Left { .. } => "serviceAccount.updated",
            Self::Deleted => "serviceAccount.deleted",
        }
    }
}

/// Tells what happened to a service account.
pub(crate) async fn of_service_account(
    service: &Community,
    change: &Change,
    row: &service_account::Model,
    fact: AccountFact,
) -> Result<(), Error> {
    let name = row.name().to_string();
    let (left_community, root) = match fact {
        AccountFact::Left { community, root } => (community.to_string(), root.to_string()),
        AccountFact::Created | AccountFact::Updated | AccountFact::Deleted => Default::default(),
    };
    let state = match fact {
        AccountFact::Deleted => ServiceAccountState::Unspecified,
        AccountFact::Created | AccountFact::Updated | AccountFact::Left { .. } => row.state(),
    };
    let message = ServiceAccountEvent {
        service_account: name.clone(),
        version: row.version,
        occur_time: Some(row.update_time.into()),
        state: state.into(),
        left_community,
        root,
    };
    let event = NewEvent {
        id: service.random.uuid(row.update_time),
        kind: fact.kind(),
        resource: name,
        version: row.version,
        occur_time: row.update_time,
        message: &message,
    };
    Ok(outbox::record(change, event).await?)
}
