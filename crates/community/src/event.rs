//! What others learn of changes. Each function is called in the change that it tells of.

use usher_api::community::{CommunityEvent, MemberEvent, RoleEvent};
use usher_runtime::Change;
use usher_runtime::outbox::{self, NewEvent};

use crate::Community;
use crate::entity::{community, member, role};
use crate::error::Error;

pub(crate) async fn community_created(
    service: &Community,
    change: &Change,
    row: &community::Model,
) -> Result<(), Error> {
    let message = CommunityEvent {
        community: row.name().to_string(),
        version: row.version,
        occur_time: Some(row.update_time.into()),
    };
    let event = NewEvent {
        id: service.random.uuid(row.update_time),
        kind: "community.created",
        resource: row.name().to_string(),
        version: row.version,
        occur_time: row.update_time,
        message: &message,
    };
    Ok(outbox::record(change, event).await?)
}

pub(crate) async fn role_created(
    service: &Community,
    change: &Change,
    row: &role::Model,
) -> Result<(), Error> {
    let message = RoleEvent {
        role: row.name().to_string(),
        version: row.version,
        occur_time: Some(row.update_time.into()),
    };
    let event = NewEvent {
        id: service.random.uuid(row.update_time),
        kind: "role.created",
        resource: row.name().to_string(),
        version: row.version,
        occur_time: row.update_time,
        message: &message,
    };
    Ok(outbox::record(change, event).await?)
}

/// The first version of a membership is its creation.
pub(crate) async fn member_changed(
    service: &Community,
    change: &Change,
    row: &member::Model,
    invitation: &str,
) -> Result<(), Error> {
    let message = MemberEvent {
        member: row.name().to_string(),
        version: row.version,
        invitation: invitation.to_owned(),
        occur_time: Some(row.update_time.into()),
    };
    let event = NewEvent {
        id: service.random.uuid(row.update_time),
        kind: if row.version == 1 { "member.created" } else { "member.updated" },
        resource: row.name().to_string(),
        version: row.version,
        occur_time: row.update_time,
        message: &message,
    };
    Ok(outbox::record(change, event).await?)
}
