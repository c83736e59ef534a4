use std::collections::HashSet;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use tonic::Status;
use tonic_types::StatusExt as _;
use usher_api::invitation::{self as pb, InvitationState, SkippedInvitation};
use usher_api::name::{CommunityName, InvitationName};
use usher_runtime::fields::required;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Change, Failure, Once, Pages, Timestamp, Violations};

use crate::entity::grant;
use crate::entity::invitation::{Column, Entity, Model};
use crate::error::Error;
use crate::filter::Filter;
use crate::risks::{Found, Seeker};
use crate::{Invitation, acceptance, access, departure, lifecycle};

const DEFAULT_PAGE: u64 = 100;
const LARGEST_PAGE: u64 = 500;

pub(crate) async fn batch_revoke_invitations(
    service: &Invitation,
    caller: &Caller,
    request: pb::BatchRevokeInvitationsRequest,
) -> Result<pb::BatchRevokeInvitationsResponse, Error> {
    let is_trial = request.validate_only;
    let answer = revoke(service, caller, request).await?;
    if !is_trial {
        // Some were passed over since somebody else had just revoked them.
        let names = answer.revoked.iter().chain(answer.skipped.iter().map(|skipped| &skipped.invitation));
        let names = names.filter_map(|name| name.parse::<InvitationName>().ok());
        departure::outlast(service, names.map(|name| name.id)).await;
    }
    Ok(answer)
}

async fn revoke(
    service: &Invitation,
    caller: &Caller,
    request: pb::BatchRevokeInvitationsRequest,
) -> Result<pb::BatchRevokeInvitationsResponse, Error> {
    let by = caller.actor()?;
    let mut violations = Violations::default();
    let root = violations.check("parent", request.parent.parse::<CommunityName>());
    let filter = Filter::parse(&as_list(&request), &mut violations);
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let root = required(root, &mut violations)?;
    violations.finish()?;
    access::require(service, caller, access::REVOKE, filter.community.unwrap_or(root)).await?;

    // What only might be is no first answer.
    let request_id = request_id.filter(|_| !request.validate_only);
    let method = "BatchRevokeInvitations";
    let once = Once::new(&service.sealing, &service.clock, caller, method, request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    let connection = &*service.database;
    let pages = Pages::new(&service.sealing, &service.random, caller, method, &(root, &filter));
    let after: Option<Uuid> = pages.open(&request.page_token)?;
    let wanted = Entity::find().filter(filter.condition(service, root));
    let beyond = |after: Option<&Uuid>| {
        let rest = Condition::all().add_option(after.map(|id| Column::Id.gt(*id)));
        wanted.clone().filter(rest).order_by_asc(Column::Id)
    };
    let total_size = i32::try_from(beyond(after.as_ref()).count(connection).await?).unwrap_or(i32::MAX);
    let seeker = Seeker { service, caller, permission: access::REVOKE, root };
    let Found { rows, last } = seeker.find(&filter, size, after, beyond, |row| row.id).await?;
    let next_page_token = last.map_or_else(|| Ok(String::new()), |last| pages.seal(&last))?;

    let mut answer = pb::BatchRevokeInvitationsResponse { total_size, next_page_token, ..Default::default() };
    let rows = permitted(service, caller, rows, &mut answer.skipped).await?;
    let rows = unclaimed(service, rows).await?;
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let rows = lock_pending(&change, &rows, service.clock.now(), &mut answer.skipped).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let revoked = lifecycle::revoke_all(service, &change, ids, by).await?;
    note_late(&rows, &revoked, &mut answer.skipped);
    answer.revoked = revoked.iter().map(|row| row.name().to_string()).collect();
    answer.revoked.sort();
    if !request.validate_only {
        once.commit(change, &answer).await?;
        tracing::info!(root = %root, count = answer.revoked.len(), "invitations revoked");
    }
    Ok(answer)
}

/// The list of what is to be revoked.
fn as_list(request: &pb::BatchRevokeInvitationsRequest) -> pb::ListInvitationsRequest {
    let request = request.clone();
    pb::ListInvitationsRequest {
        community: request.community,
        states: vec![InvitationState::Pending.into()],
        email: request.email,
        search: request.search,
        delivery_states: request.delivery_states,
        inviter: request.inviter,
        role: request.role,
        create_time: request.create_time,
        expire_time: request.expire_time,
        last_send_time: request.last_send_time,
        risks: request.risks,
        ..pb::ListInvitationsRequest::default()
    }
}

/// Those of `rows` that the caller may revoke.
async fn permitted(
    service: &Invitation,
    caller: &Caller,
    rows: Vec<Model>,
    skipped: &mut Vec<SkippedInvitation>,
) -> Result<Vec<Model>, Error> {
    let grants = grant::of_invitations(&*service.database, rows.iter().map(|row| row.id)).await?;
    let communities = grants.values().flatten().map(|grant| CommunityName(grant.community_id));
    let held = access::communities_with(service, caller, access::REVOKE, communities).await?;
    let mut permitted = Vec::with_capacity(rows.len());
    for row in rows {
        let mut communities =
            grants.get(&row.id).into_iter().flatten().map(|grant| CommunityName(grant.community_id));
        match communities.find(|community| !held.contains(community)) {
            None => permitted.push(row),
            Some(missing) => skipped.push(skip(&row, access::denied(access::REVOKE, missing).into())),
        }
    }
    Ok(permitted)
}

/// The rows after the acceptances that were under way: those came first.
async fn unclaimed(service: &Invitation, rows: Vec<Model>) -> Result<Vec<Model>, Error> {
    let mut settled = Vec::with_capacity(rows.len());
    for row in rows {
        settled.push(acceptance::settle_first(service, row).await?);
    }
    Ok(settled)
}

/// Those of `rows` that are still pending and that nobody began to accept meanwhile, each to stay so until `change` ends.
async fn lock_pending(
    change: &Change,
    rows: &[Model],
    now: Timestamp,
    skipped: &mut Vec<SkippedInvitation>,
) -> Result<Vec<Model>, Error> {
    let locked = Entity::find()
        .filter(Column::Id.is_in(rows.iter().map(|row| row.id)))
        // In one order everywhere, so that two of these cannot wait for each other.
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(&**change)
        .await?;
    let mut pending = Vec::with_capacity(locked.len());
    for row in locked {
        if row.claim_id.is_some() {
            skipped.push(skip(&row, Failure::ConcurrentChange.into()));
        } else if let Err(ended) = row.require_pending(now) {
            skipped.push(skip(&row, ended));
        } else {
            pending.push(row);
        }
    }
    Ok(pending)
}

/// Notes those whose time was over by the database's clock alone.
fn note_late(rows: &[Model], revoked: &[Model], skipped: &mut Vec<SkippedInvitation>) {
    let revoked: HashSet<Uuid> = revoked.iter().map(|row| row.id).collect();
    let late = rows.iter().filter(|row| !revoked.contains(&row.id));
    skipped.extend(late.map(|row| skip(row, Error::Expired(row.name()))));
}

fn skip(row: &Model, error: Error) -> SkippedInvitation {
    let status = Status::from(error);
    let info = status.get_error_details().error_info().cloned();
    let (reason, metadata) = info.map(|info| (info.reason, info.metadata)).unwrap_or_default();
    SkippedInvitation {
        invitation: row.name().to_string(),
        code: status.code().into(),
        reason,
        message: status.message().to_owned(),
        metadata,
    }
}
