//! From a claim to memberships: the steps that a crash may interrupt.
//!
//! An acceptance touches the database of this service and that of the community service. It goes
//!
//! 1. **claim**: a compare-and-set marks the pending invitation with a new id, and what the person said yes to is kept; from here
//!    on nothing else changes it;
//! 2. **apply**: the community service checks the inviter's authority and makes the memberships in one transaction. Its
//!    decision stands: the same claim gets the same answer however often it is asked;
//! 3. **settle**: the invitation becomes accepted, or, if the community service refused, free and pending again.
//!
//! Whoever finds a claim, be it a second accept, a revocation or the sweeper, takes steps 2 and 3 again instead of waiting.
//! So a crash at any point ends either accepted with its memberships or pending without any.

use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use usher_api::community::apply_grants_response::Decision;
use usher_api::community::{ApplyGrantsRequest, Grant};
use usher_api::name::{CommunityName, UserName};
use usher_runtime::clock::micros;
use usher_runtime::{Caller, Change, Failure, database};
use uuid::Uuid;

use crate::Invitation;
use crate::entity::acceptance::{self, Proof};
use crate::entity::grant;
use crate::entity::invitation::{Column, Entity, Model, State};
use crate::error::Error;
use crate::lifecycle::{self, Fact, tell};

/// How many acceptances that came to nothing a change of the invitation waits for.
const MOST_CLAIMS: usize = 3;

/// The yes of a person, and what shows that it is that of whom was invited.
pub(crate) struct Consent {
    pub(crate) invitee: UserName,
    pub(crate) proof: Proof,
    /// The version of the terms of service that he accepted last.
    pub(crate) terms_version: String,
    /// The changes of roles that he agreed to. Empty if he was not asked.
    pub(crate) confirmed_fingerprint: String,
}

/// Claims `invitation` for whoever consents. `None` if it is not free and pending at this moment.
pub(crate) async fn claim(
    service: &Invitation,
    caller: &Caller,
    invitation: Uuid,
    consent: &Consent,
) -> Result<Option<Model>, Error> {
    let now = service.clock.now();
    let claim = service.random.uuid(now);
    let change = service.database.change().await?;
    let lease = database::now(&*change).add(micros(service.config.acceptance_lease));
    let claimed = Entity::update_many()
        .col_expr(Column::ClaimId, Expr::value(claim))
        .col_expr(Column::ClaimLeaseTime, lease)
        .col_expr(Column::InviteeId, Expr::value(consent.invitee.0))
        .filter(Column::Id.eq(invitation))
        .filter(lifecycle::free_and_pending(&*change))
        .exec_with_returning(&*change)
        .await?;
    let Some(row) = claimed.into_iter().next() else { return Ok(None) };
    let evidence = acceptance::Model {
        invitation_id: invitation,
        root_id: row.root_id,
        claim_id: claim,
        invitee_id: consent.invitee.0,
        proof: consent.proof,
        session_id: caller.person.as_ref().map(|person| person.session),
        terms_version: consent.terms_version.clone(),
        confirmed_fingerprint: consent.confirmed_fingerprint.clone(),
        source_address: caller.source.map(|address| address.to_string()),
        consent_time: now,
        accept_time: None,
    };
    let evidence = acceptance::ActiveModel::from(evidence).reset_all();
    acceptance::Entity::insert(evidence).exec_without_returning(&*change).await?;
    change.commit().await?;
    Ok(Some(row))
}

/// Brings the acceptance that `row` is claimed for to its end and returns the invitation as it is then. Rows without a claim
/// are returned as they are.
///
/// # Errors
/// [`Error::NotGiven`] if the community service refused; the invitation is free again.
pub(crate) async fn settle(service: &Invitation, row: Model) -> Result<Model, Error> {
    let (Some(claim), Some(invitee)) = (row.claim_id, row.invitee_id) else { return Ok(row) };
    let grants = grant::of_invitation(&*service.database, row.id).await?;
    let consent = acceptance::Entity::find_by_id(row.id).one(&*service.database).await?;
    let giver = row.inviter();
    let request = ApplyGrantsRequest {
        invitation: row.name().to_string(),
        inviter: giver.principal.to_string(),
        invitee: UserName(invitee).to_string(),
        grants: grants.iter().map(grant::Model::to_offer).collect(),
        request_id: claim.to_string(),
        on_behalf_of: giver.on_behalf_of.map(|user| user.to_string()).unwrap_or_default(),
        confirmed_fingerprint: consent.map(|consent| consent.confirmed_fingerprint).unwrap_or_default(),
        annotations: row.annotations().into_iter().collect(),
    };
    let answer = service.community.clone().apply_grants(request).await;
    let answer = answer.map_err(|status| Failure::from_neighbour("community", status))?;
    match answer.into_inner().decision {
        Some(Decision::Applied(applied)) => accepted(service, &row, claim, &applied.grants).await,
        Some(Decision::Refused(refused)) => {
            release(service, claim).await?;
            Err(Error::NotGiven {
                reason: refused.reason(),
                communities: refused.communities,
                changes: refused.role_changes.map(Box::new),
            })
        }
        None => Err(Failure::internal("the community service did not decide").into()),
    }
}

/// As [`settle`], for those who want the invitation for something else than accepting it.
pub(crate) async fn settle_first(service: &Invitation, row: Model) -> Result<Model, Error> {
    let id = row.id;
    match settle(service, row).await {
        Err(Error::NotGiven { .. }) => {
            Entity::find_by_id(id).one(&*service.database).await?.ok_or(Error::NotFound)
        }
        settled => settled,
    }
}

/// The invitation as it is by now, for those whom something stands in the way of that it may have brought about itself, by being
/// accepted between two looks.
pub(crate) async fn look_again(service: &Invitation, row: &Model) -> Result<Model, Error> {
    let row = Entity::find_by_id(row.id).one(&*service.database).await?.ok_or(Error::NotFound)?;
    settle_first(service, row).await
}

/// Begins a change of an invitation that nobody is accepting, with the row as it is now and stays until the change ends.
pub(crate) async fn begin_change(service: &Invitation, row: Model) -> Result<(Change, Model), Error> {
    let mut row = row;
    for _ in 0..MOST_CLAIMS {
        let settled = settle_first(service, row).await?;
        let change = service.database.change().await?;
        row = Entity::find_by_id(settled.id).lock_exclusive().one(&*change).await?.ok_or(Error::NotFound)?;
        if row.claim_id.is_none() {
            return Ok((change, row));
        }
    }
    Err(Failure::ConcurrentChange.into())
}

/// Makes the claimed invitation accepted. Whoever comes second finds it so.
async fn accepted(
    service: &Invitation,
    row: &Model,
    claim: Uuid,
    outcomes: &[Grant],
) -> Result<Model, Error> {
    let now = service.clock.now();
    let change = service.database.change().await?;
    let updated = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Accepted))
        .col_expr(Column::AcceptTime, Expr::value(now))
        .col_expr(Column::UpdateTime, Expr::value(now))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::ClaimId, Expr::value(None::<Uuid>))
        .filter(Column::Id.eq(row.id))
        .filter(Column::ClaimId.eq(claim))
        .exec_with_returning(&*change)
        .await?;
    let Some(row) = updated.into_iter().next() else {
        let settled = Entity::find_by_id(row.id).one(&*change).await?;
        return settled.ok_or(Error::NotFound);
    };
    record_outcomes(&change, row.id, outcomes).await?;
    acceptance::Entity::update_many()
        .col_expr(acceptance::Column::AcceptTime, Expr::value(now))
        .filter(acceptance::Column::ClaimId.eq(claim))
        .exec(&*change)
        .await?;
    tell(service, &change, &row, Fact::Accepted).await?;
    change.commit().await?;
    tracing::info!(invitation = %row.name(), "invitation {} accepted", row.id);
    Ok(row)
}

async fn record_outcomes(change: &Change, invitation: Uuid, outcomes: &[Grant]) -> Result<(), Error> {
    for outcome in outcomes {
        let community: CommunityName = outcome.community.parse().map_err(Failure::internal)?;
        grant::Entity::update_many()
            .col_expr(grant::Column::Outcome, Expr::value(outcome.outcome))
            .filter(grant::Column::InvitationId.eq(invitation))
            .filter(grant::Column::CommunityId.eq(community.0))
            .exec(&**change)
            .await?;
    }
    lifecycle::end_grants(change, std::iter::once(invitation)).await
}

/// Frees the invitation of a claim that was refused.
async fn release(service: &Invitation, claim: Uuid) -> Result<(), Error> {
    let change = service.database.change().await?;
    let freed = Entity::update_many()
        .col_expr(Column::ClaimId, Expr::value(None::<Uuid>))
        .col_expr(Column::ClaimLeaseTime, Expr::value(None::<i64>))
        .col_expr(Column::InviteeId, Expr::value(None::<Uuid>))
        .filter(Column::ClaimId.eq(claim))
        .exec(&*change)
        .await?;
    // Only after the invitation, in the order in which a claim takes them.
    if freed.rows_affected > 0 {
        acceptance::Entity::delete_many()
            .filter(acceptance::Column::ClaimId.eq(claim))
            .exec(&*change)
            .await?;
    }
    Ok(change.commit().await?)
}
