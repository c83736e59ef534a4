//! Writing a new invitation: one live one for each community and address, whatever happens at the same moment.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, OnConflict, Query, SelectStatement};
use usher_api::community::Grant;
use usher_api::name::{CommunityName, UserName};
use usher_runtime::{Change, EmailAddress, Failure};

use crate::entity::{grant, invitation};
use crate::error::Error;
use crate::lifecycle::{self, Fact};
use crate::{Invitation, housekeeping};

/// What holds for all invitations of one request. The grants are in the full form that the community service gave them.
pub(crate) struct Terms {
    pub(crate) root: CommunityName,
    pub(crate) grants: Vec<Grant>,
    pub(crate) inviter: UserName,
    pub(crate) ttl: Duration,
    pub(crate) notify: bool,
}

/// An invitation and its grants as they were written.
pub(crate) type Written = (invitation::Model, Vec<grant::Model>);

impl Terms {
    /// Writes an invitation of `email` within `change`, and the event that has the mail sent.
    ///
    /// # Errors
    /// [`Error::AlreadyPending`], after which `change` can go on without this invitation.
    pub(crate) async fn write(
        &self,
        service: &Invitation,
        change: &Change,
        email: &EmailAddress,
        display_name: &str,
    ) -> Result<Written, Error> {
        let row = self.row(service, email, display_name);
        let grants = grant_rows(&row, &self.grants)?;
        if !insert(change, &row, &grants).await? {
            // Perhaps what is in the way has expired and the sweeper has not come by.
            lifecycle::expire(service, change, invitation::Column::Id.in_subquery(in_the_way(&grants)))
                .await?;
            if !insert(change, &row, &grants).await? {
                // Nothing in the way any more: it ended between the two looks, and the client may simply try again.
                return Err(conflict(change, &grants).await?.unwrap_or(Failure::ConcurrentChange.into()));
            }
        }
        lifecycle::tell(service, change, &row, Fact::Created { notify: self.notify }).await?;
        Ok((row, grants))
    }

    fn row(&self, service: &Invitation, email: &EmailAddress, display_name: &str) -> invitation::Model {
        let now = service.clock.now();
        let expire_time = now.after(self.ttl);
        let (delivery_state, send_count) = if self.notify {
            (invitation::DeliveryState::Queued, 1)
        } else {
            (invitation::DeliveryState::Skipped, 0)
        };
        invitation::Model {
            id: service.random.uuid(now),
            root_id: self.root.0,
            email: email.typed().to_owned(),
            email_canonical: email.canonical().to_owned(),
            display_name: display_name.to_owned(),
            inviter_id: self.inviter.0,
            state: invitation::State::Pending,
            delivery_state,
            delivery_id: None,
            delivery_version: 0,
            send_count,
            version: 1,
            create_time: now,
            update_time: now,
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
        }
    }
}

fn grant_rows(row: &invitation::Model, grants: &[Grant]) -> Result<Vec<grant::Model>, Error> {
    let mut rows = Vec::with_capacity(grants.len());
    for (position, grant) in grants.iter().enumerate() {
        let community: CommunityName = grant.community.parse().map_err(Failure::internal)?;
        rows.push(grant::Model {
            invitation_id: row.id,
            community_id: community.0,
            position: i32::try_from(position).map_err(Failure::internal)?,
            roles: grant.roles.join(","),
            inheritance: grant.inheritance,
            outcome: 0,
            email_canonical: row.email_canonical.clone(),
            live: true,
        });
    }
    // In one order everywhere, so that two requests that name the same communities cannot wait for each other.
    rows.sort_by_key(|grant| grant.community_id);
    Ok(rows)
}

/// Writes both tables, or nothing and `false` if a live invitation is in the way.
async fn insert(change: &Change, row: &invitation::Model, grants: &[grant::Model]) -> Result<bool, Error> {
    if !insert_grants(change, grants).await? {
        delete_grants(change, row.id).await?;
        return Ok(false);
    }
    let row = invitation::ActiveModel::from(row.clone()).reset_all();
    invitation::Entity::insert(row).exec_without_returning(&**change).await?;
    Ok(true)
}

/// Whether nothing was in the way of any.
async fn insert_grants(change: &Change, grants: &[grant::Model]) -> Result<bool, Error> {
    let rows = grants.iter().cloned().map(|grant| grant::ActiveModel::from(grant).reset_all());
    let written = grant::Entity::insert_many(rows)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(&**change)
        .await?;
    Ok(written == grants.len() as u64)
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
    let mut rows = grant_rows(row, grants)?;
    lifecycle::expire(service, change, invitation::Column::Id.in_subquery(in_the_way(&rows))).await?;
    delete_grants(change, row.id).await?;
    if !insert_grants(change, &rows).await? {
        return Err(conflict(change, &rows).await?.unwrap_or(Failure::ConcurrentChange.into()));
    }
    rows.sort_by_key(|grant| grant.position);
    Ok(rows)
}

/// Makes the grants of an invitation that is pending again live again.
///
/// # Errors
/// [`Error::AlreadyPending`] if another invitation took a community meanwhile; `change` must then be dropped.
pub(crate) async fn revive(
    service: &Invitation,
    change: &Change,
    grants: &[grant::Model],
) -> Result<(), Error> {
    let Some(own) = grants.first() else { return Ok(()) };
    lifecycle::expire(service, change, invitation::Column::Id.in_subquery(in_the_way(grants))).await?;
    if let Some(conflict) = conflict(change, grants).await? {
        return Err(conflict);
    }
    grant::Entity::update_many()
        .col_expr(grant::Column::Live, Expr::value(true))
        .filter(grant::Column::InvitationId.eq(own.invitation_id))
        .exec(&**change)
        .await?;
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

/// Which invitation is in the way, if one is.
async fn conflict(change: &Change, grants: &[grant::Model]) -> Result<Option<Error>, Error> {
    let Some(other) = grant::Entity::find().filter(others_like(grants)).one(&**change).await? else {
        return Ok(None);
    };
    let row = invitation::Entity::find_by_id(other.invitation_id).one(&**change).await?;
    let community = CommunityName(other.community_id);
    Ok(row.map(|row| Error::AlreadyPending { invitation: row.name(), community }))
}
