use std::collections::BTreeSet;

use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::CommunityName;
use usher_runtime::fields::required;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::Identity;
use crate::connection::{FIELDS, apply, issuer, require_belief, seal_secret};
use crate::entity::connection::{ActiveModel, Column, Entity, Model};
use crate::error::Error;

/// How many connections a community has at most.
const MOST: u64 = 20;

pub(crate) async fn create_connection(
    service: &Identity,
    caller: &Caller,
    request: pb::CreateConnectionRequest,
) -> Result<pb::CreateConnectionResponse, Error> {
    let mut asked = request.connection.clone().unwrap_or_default();
    if asked.state() == pb::ConnectionState::Unspecified {
        asked.set_state(pb::ConnectionState::Enabled);
    }
    let mut violations = Violations::default();
    let parent = violations.check("parent", request.parent.parse::<CommunityName>());
    let root = violations.check("root", request.root.parse::<CommunityName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let now = service.clock.now();
    let mut row = Model {
        id: service.random.uuid(now),
        community_id: parent.map_or_else(Uuid::nil, |parent| parent.0),
        root_id: root.map_or_else(Uuid::nil, |root| root.0),
        display_name: String::new(),
        issuer: issuer(service, &asked.issuer, &mut violations),
        client_id: String::new(),
        sealed_client_secret: seal_secret(service, &request.client_secret, &mut violations),
        email_domains: String::new(),
        default_role: String::new(),
        enabled: true,
        version: 1,
        create_time: now,
        update_time: now,
    };
    apply(&mut row, &asked, &BTreeSet::from(FIELDS), &mut violations);
    let parent = required(parent, &mut violations)?;
    if !asked.email_domains.is_empty() {
        require_belief(caller, &parent)?;
    }
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "CreateConnection", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let present = Entity::find().filter(Column::CommunityId.eq(parent.0)).count(&*change).await?;
    if present >= MOST {
        return Err(Error::ConnectionLimitReached(parent));
    }
    Entity::insert(ActiveModel::from(row.clone()).reset_all()).exec_without_returning(&*change).await?;
    let answer = pb::CreateConnectionResponse { connection: Some(row.to_proto()) };
    once.commit(change, &answer).await?;
    tracing::info!(connection = %row.name(), issuer = row.issuer, "connection {} created", row.id);
    Ok(answer)
}
