//! Writing new invitations: one live one for each community and address, whatever happens at the same moment.

use std::collections::HashMap;
use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, OnConflict, Query, SelectStatement};
use usher_api::community::Grant;
use usher_api::name::{CommunityName, InvitationName};
use usher_runtime::{Actor, Change, EmailAddress, Failure};

use crate::entity::{grant, invitation};
use crate::error::Error;
use crate::inviter::Columns;
use crate::lifecycle::{self, Fact};
use crate::words::Words;
use crate::{Invitation, housekeeping, limits};

/// What holds for all invitations that are alike. The grants are in the full form that the community service gave them.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) root: CommunityName,
    pub(crate) grants: Vec<Grant>,
    pub(crate) inviter: Actor,
    pub(crate) life: Duration,
    pub(crate) notify: bool,
    pub(crate) words: Words,
}

/// Somebody to be invited. The id of the invitation is chosen first: his seat is kept under it.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) id: Uuid,
    pub(crate) email: EmailAddress,
    pub(crate) display_name: String,
}

/// An invitation and its grants as they were written.
pub(crate) type Written = (invitation::Model, Vec<grant::Model>);

/// Writes invitations within `change`, and the events that have them mailed, in few statements however many they are. Of several
/// in each other's way the first is written.
///
/// # Errors
/// For each that is not written [`Error::AlreadyPending`]. `change` can go on without it.
pub(crate) async fn write_all(
    service: &Invitation,
    change: &Change,
    drafts: &[(&Terms, &Guest)],
) -> Result<Vec<Result<Written, Error>>, Error> {
    let mut offers = Vec::with_capacity(drafts.len());
    for (terms, guest) in drafts {
        offers.push(terms.grant_rows(guest)?);
    }
    let refusals = claim_places(service, change, drafts, &offers).await?;
    let written: Vec<usize> = (0..drafts.len()).filter(|index| refusals[*index].is_none()).collect();
    let mailed: Vec<usize> = written.iter().copied().filter(|index| drafts[*index].0.notify).collect();
    let emails: Vec<&EmailAddress> = mailed.iter().map(|index| &drafts[*index].1.email).collect();
    let may = limits::take_mails(service, change, &emails).await?;
    let may: HashMap<usize, bool> = mailed.into_iter().zip(may).collect();
    let mut rows: HashMap<usize, invitation::Model> = HashMap::new();
    for index in written {
        let (terms, guest) = drafts[index];
        rows.insert(index, terms.row(service, guest, may.get(&index).copied())?);
    }
    insert_rows(change, rows.values()).await?;

    let mut results = Vec::with_capacity(drafts.len());
    for (index, (refusal, grants)) in refusals.into_iter().zip(offers).enumerate() {
        results.push(match (refusal, rows.remove(&index)) {
            (Some(refusal), _) => Err(refusal),
            (None, Some(row)) => Ok((row, grants)),
            (None, None) => return Err(Failure::internal("an invitation was not written").into()),
        });
    }
    let facts = results.iter().filter_map(|result| result.as_ref().ok()).map(|(row, grants)| {
        let notify = row.delivery_state == invitation::DeliveryState::Queued;
        (row, grants.as_slice(), Fact::Created { notify })
    });
    lifecycle::tell_all(service, change, facts).await?;
    Ok(results)
}

/// Writes one invitation, as [`write_all`].
///
/// # Errors
/// [`Error::AlreadyPending`]
pub(crate) async fn write(
    service: &Invitation,
    change: &Change,
    terms: &Terms,
    guest: &Guest,
) -> Result<Written, Error> {
    let written = write_all(service, change, &[(terms, guest)]).await?;
    written.into_iter().next().ok_or_else(|| Failure::internal("nothing was written"))?
}

impl Terms {
    /// `mailed` says whether the mail that is wanted may be sent. `None` if none is wanted.
    fn row(
        &self,
        service: &Invitation,
        guest: &Guest,
        mailed: Option<bool>,
    ) -> Result<invitation::Model, Error> {
        use invitation::DeliveryState;
        let now = service.clock.now();
        let expire_time = now.after(self.life);
        let (delivery_state, send_count) = match mailed {
            Some(true) => (DeliveryState::Queued, 1),
            Some(false) => (DeliveryState::Suppressed, 0),
            None => (DeliveryState::Skipped, 0),
        };
        let Columns { id, program, on_behalf_of } = self.inviter.into();
        Ok(invitation::Model {
            id: guest.id,
            root_id: self.root.0,
            email: guest.email.typed().to_owned(),
            email_canonical: guest.email.canonical().to_owned(),
            display_name: guest.display_name.clone(),
            message: self.words.message.clone(),
            locale: self.words.locale.clone(),
            annotations: serde_json::to_string(&self.words.annotations).map_err(Failure::internal)?,
            inviter_id: id,
            inviter_program: program,
            on_behalf_of_id: on_behalf_of,
            state: invitation::State::Pending,
            delivery_state,
            delivery_id: None,
            delivery_version: 0,
            send_count,
            version: 1,
            create_time: now,
            update_time: now,
            mail_until: None,
            last_send_time: None,
            expire_time,
            accept_time: None,
            revoke_time: None,
            revoke_reason: None,
            decline_time: None,
            remind_time: housekeeping::remind_time(now, expire_time, send_count),
            purge_time: Some(expire_time.after(service.config.retention)),
            purged: false,
            invitee_id: None,
            claim_id: None,
            claim_lease_time: None,
        })
    }

    /// The rows as they would be written.
    pub(crate) fn unwritten(&self, service: &Invitation, guest: &Guest) -> Result<Written, Error> {
        Ok((self.row(service, guest, None)?, self.grant_rows(guest)?))
    }

    fn grant_rows(&self, guest: &Guest) -> Result<Vec<grant::Model>, Error> {
        grant_rows(guest.id, guest.email.canonical(), &self.grants)
    }
}

/// One row for each community. The one place where grants become rows.
pub(crate) fn grant_rows(
    id: Uuid,
    email_canonical: &str,
    grants: &[Grant],
) -> Result<Vec<grant::Model>, Error> {
    let mut rows = Vec::with_capacity(grants.len());
    for (position, grant) in grants.iter().enumerate() {
        let community: CommunityName = grant.community.parse().map_err(Failure::internal)?;
        rows.push(grant::Model {
            invitation_id: id,
            community_id: community.0,
            position: i32::try_from(position).map_err(Failure::internal)?,
            roles: grant.roles.join(","),
            offered_roles: grant::offered_roles(grant),
            inheritance: grant.inheritance,
            outcome: 0,
            email_canonical: email_canonical.to_owned(),
            live: true,
        });
    }
    Ok(rows)
}

/// The most rows in one statement: of 32,766 values that SQLite takes.
const MOST_ROWS: usize = 500;

/// Makes each offer the live one in all of its communities, or in none, with the reason.
async fn claim_places(
    service: &Invitation,
    change: &Change,
    drafts: &[(&Terms, &Guest)],
    offers: &[Vec<grant::Model>],
) -> Result<Vec<Option<Error>>, Error> {
    let claimed = insert_grants(change, offers.iter().flatten()).await?;
    let mut complete = Vec::with_capacity(offers.len());
    for offer in offers {
        let id = offer.first().map(|grant| grant.invitation_id).unwrap_or_default();
        let is_complete = claimed.get(&id).copied().unwrap_or(0) == offer.len();
        if !is_complete {
            // At once: what it holds may be all that is in the way of the next.
            grant::Entity::delete_many().filter(grant::Column::InvitationId.eq(id)).exec(&**change).await?;
        }
        complete.push(is_complete);
    }
    let mut refusals = Vec::with_capacity(offers.len());
    for ((offer, (terms, _)), is_complete) in offers.iter().zip(drafts).zip(complete) {
        refusals.push(if is_complete { None } else { claim_one(service, change, terms.root, offer).await? });
    }
    Ok(refusals)
}

/// Tries once more what did not succeed with the others.
async fn claim_one(
    service: &Invitation,
    change: &Change,
    root: CommunityName,
    offer: &[grant::Model],
) -> Result<Option<Error>, Error> {
    // Perhaps what is in the way has expired and the sweeper has not come by.
    lifecycle::expire(service, change, invitation::Column::Id.in_subquery(in_the_way(offer))).await?;
    let claimed: usize = insert_grants(change, offer.iter()).await?.into_values().sum();
    if claimed == offer.len() {
        return Ok(None);
    }
    let id = offer.first().map(|grant| grant.invitation_id).unwrap_or_default();
    delete_grants(change, id).await?;
    // Nothing in the way any more: it ended between the two looks, and the client may simply try again.
    let other = holder(change, offer).await?;
    Ok(Some(other.map_or(Failure::ConcurrentChange.into(), |other| already_pending(root, &other))))
}

/// Writes the grants that nothing is in the way of, and returns how many of each invitation.
async fn insert_grants(
    change: &Change,
    grants: impl Iterator<Item = &grant::Model>,
) -> Result<HashMap<Uuid, usize>, Error> {
    let mut rows: Vec<&grant::Model> = grants.collect();
    // In one order everywhere, so that two requests about the same people and communities cannot wait for each other. Of equal
    // ones the first stays first.
    rows.sort_by(|one, other| {
        (one.community_id, &one.email_canonical).cmp(&(other.community_id, &other.email_canonical))
    });
    let mut inserted = HashMap::new();
    for some in rows.chunks(MOST_ROWS) {
        let models = some.iter().map(|row| grant::ActiveModel::from((*row).clone()).reset_all());
        let written = grant::Entity::insert_many(models)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_with_returning(&**change)
            .await?;
        for row in written {
            *inserted.entry(row.invitation_id).or_default() += 1;
        }
    }
    Ok(inserted)
}

async fn insert_rows(change: &Change, rows: impl Iterator<Item = &invitation::Model>) -> Result<(), Error> {
    let mut models: Vec<_> = rows.map(|row| invitation::ActiveModel::from(row.clone()).reset_all()).collect();
    while !models.is_empty() {
        let some: Vec<_> = models.drain(..models.len().min(MOST_ROWS)).collect();
        invitation::Entity::insert_many(some).exec_without_returning(&**change).await?;
    }
    Ok(())
}

async fn delete_grants(change: &Change, invitation: Uuid) -> Result<(), Error> {
    grant::Entity::delete_many().filter(grant::Column::InvitationId.eq(invitation)).exec(&**change).await?;
    Ok(())
}

/// Makes a pending invitation offer `grants` instead of what it offered. They are in the full form that the community service
/// gave them, and `row` must be locked in `change`.
///
/// # Errors
/// [`Error::AlreadyPending`] if another invitation holds one of the communities; `change` must then be dropped.
pub(crate) async fn offer_instead(
    service: &Invitation,
    change: &Change,
    row: &invitation::Model,
    grants: &[Grant],
) -> Result<Vec<grant::Model>, Error> {
    let rows = grant_rows(row.id, &row.email_canonical, grants)?;
    lifecycle::expire(service, change, invitation::Column::Id.in_subquery(in_the_way(&rows))).await?;
    delete_grants(change, row.id).await?;
    let inserted: usize = insert_grants(change, rows.iter()).await?.into_values().sum();
    if inserted == rows.len() {
        return Ok(rows);
    }
    let root = CommunityName(row.root_id);
    let other = holder(change, &rows).await?;
    Err(other.map_or(Failure::ConcurrentChange.into(), |other| already_pending(root, &other)))
}

/// Makes the grants of an invitation that is pending again live again, with the roles as the community service found them now.
///
/// # Errors
/// [`Error::AlreadyPending`] if another invitation took a community meanwhile; `change` must then be dropped.
pub(crate) async fn revive(
    service: &Invitation,
    change: &Change,
    grants: &[grant::Model],
    renewed: &[Grant],
) -> Result<(), Error> {
    let Some(own) = grants.first() else { return Ok(()) };
    lifecycle::expire(service, change, invitation::Column::Id.in_subquery(in_the_way(grants))).await?;
    if let Some(other) = holder(change, grants).await? {
        let row = invitation::Entity::find_by_id(own.invitation_id).one(&**change).await?;
        let root = CommunityName(row.ok_or(Error::NotFound)?.root_id);
        return Err(already_pending(root, &other));
    }
    let own_grants =
        || grant::Entity::update_many().filter(grant::Column::InvitationId.eq(own.invitation_id));
    own_grants().col_expr(grant::Column::Live, Expr::value(true)).exec(&**change).await?;
    for (row, grant) in grants.iter().zip(renewed) {
        let offered_roles = grant::offered_roles(grant);
        if offered_roles != row.offered_roles {
            own_grants()
                .col_expr(grant::Column::OfferedRoles, Expr::value(offered_roles))
                .filter(grant::Column::CommunityId.eq(row.community_id))
                .exec(&**change)
                .await?;
        }
    }
    Ok(())
}

/// The other invitations that hold a live grant of the same person in the same communities.
fn in_the_way(grants: &[grant::Model]) -> SelectStatement {
    Query::select()
        .column(grant::Column::InvitationId)
        .from(grant::Entity)
        .cond_where(others_like(grants))
        .to_owned()
}

fn others_like(grants: &[grant::Model]) -> Condition {
    let own = grants.first();
    Condition::all()
        .add(grant::Column::Live.eq(true))
        .add(
            grant::Column::EmailCanonical
                .eq(own.map(|grant| grant.email_canonical.clone()).unwrap_or_default()),
        )
        .add(grant::Column::InvitationId.ne(own.map(|grant| grant.invitation_id).unwrap_or_default()))
        .add(grant::Column::CommunityId.is_in(grants.iter().map(|grant| grant.community_id)))
}

/// What is in the way of an invitation that is not to be written.
pub(crate) async fn look(service: &Invitation, terms: &Terms, guest: &Guest) -> Result<Option<Error>, Error> {
    look_beside(service, terms.root, &terms.grant_rows(guest)?).await
}

/// What is in the way of an invitation under `root` that is to offer `grants`, and is not to be changed.
pub(crate) async fn look_beside(
    service: &Invitation,
    root: CommunityName,
    grants: &[grant::Model],
) -> Result<Option<Error>, Error> {
    let database = &*service.database;
    for other in grant::Entity::find().filter(others_like(grants)).all(database).await? {
        let row = invitation::Entity::find_by_id(other.invitation_id).one(database).await?;
        let pending = invitation::State::Pending;
        if row.is_some_and(|row| row.state_at(service.clock.now()) == pending) {
            return Ok(Some(already_pending(root, &other)));
        }
    }
    Ok(None)
}

/// What is in the way, if something is. Its invitation may be one that is about to be written in the same change.
async fn holder(change: &Change, grants: &[grant::Model]) -> Result<Option<grant::Model>, Error> {
    Ok(grant::Entity::find().filter(others_like(grants)).one(&**change).await?)
}

/// A community is in one tree, so what is in the way is under the same root.
fn already_pending(root: CommunityName, other: &grant::Model) -> Error {
    let invitation = InvitationName { root, id: other.invitation_id };
    Error::AlreadyPending { invitation, community: CommunityName(other.community_id) }
}
