//! Invitations that end with a membership: those that a member made before he was suspended or removed, or that were made on his
//! behalf, and those to him. And those that end by one which came about in another way. Those that a program made end with what it was
//! given.
//!
//! The community service tells of all. Until its word is heard nobody gets in by the first kind, since the inviter's authority is
//! looked at again in every acceptance.

mod programs;

use prost::Message as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, Query};
use sea_orm::{QueryOrder as _, QuerySelect as _};
use tonic::Code;
use usher_api::community::MemberEvent;
use usher_api::identity::GetUserRequest;
use usher_api::name::{CommunityName, MemberName, PrincipalName, UserName};
use usher_runtime::{EmailAddress, Event, Failure, Subscription};
use uuid::Uuid;

use crate::Invitation;
use crate::acceptance::begin_change;
use crate::entity::grant;
use crate::entity::invitation::{Column, Entity, Model, RevokeReason, State};
use crate::error::Error;
use crate::inviter::rest_on;
use crate::lifecycle;
use crate::supersession::is_needless;

/// How many invitations are looked at in one statement.
const BATCH: u64 = 100;

/// The consumer of the community service's events.
pub(crate) fn subscription(service: Invitation) -> Subscription {
    let database = service.database.clone();
    Subscription::new("invitation-members", "community", &database, service, |service, event| async move {
        note(&service, event).await.map_err(into_failure)
    })
}

fn into_failure(error: Error) -> Failure {
    match error {
        Error::Shared(failure) => failure,
        other => Failure::internal(other),
    }
}

/// Revokes what ends with what is told. An event that comes twice finds nothing to revoke the second time.
async fn note(service: &Invitation, event: Event) -> Result<(), Error> {
    match event.kind.as_str() {
        "member.suspended" | "member.deleted" => note_member(service, &event, true).await,
        "member.created" | "member.updated" => note_member(service, &event, false).await,
        "apiKey.revoked" => programs::note_key(service, &event).await,
        "serviceAccount.updated" | "serviceAccount.deleted" => programs::note_account(service, &event).await,
        _ => Ok(()),
    }
}

/// Revokes what ends with the membership, or by it.
async fn note_member(service: &Invitation, event: &Event, ended: bool) -> Result<(), Error> {
    let news = MemberEvent::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    let member: MemberName = news.member.parse().map_err(Failure::internal)?;
    let root: CommunityName = news.root.parse().map_err(Failure::internal)?;
    if !ended && !news.invitation.is_empty() {
        // He accepted it, and it knows that by itself.
        return Ok(());
    }
    let to_him = address(service, UserName(member.user)).await?;
    let to_him = to_him.map(|address| Column::EmailCanonical.eq(address.canonical()));
    let user = PrincipalName::User(UserName(member.user));
    let by_him = ended.then(|| rest_on(user));
    if to_him.is_none() && by_him.is_none() {
        return Ok(());
    }
    let mut concerned = Condition::all()
        .add(Column::RootId.eq(root.0))
        .add(Condition::any().add_option(to_him).add_option(by_him));
    if !ended || member.community != root {
        concerned = concerned.add(Column::Id.in_subquery(offering(member.community)));
    }
    let mut pages = Pages::new(concerned, event);
    while let Some(rows) = pages.next(service).await? {
        for row in rows {
            let inviter = row.inviter();
            let is_his = inviter.principal == user || inviter.on_behalf_of == user.user();
            let reason = match (ended, is_his) {
                (true, true) => RevokeReason::InviterEnded,
                (true, false) => RevokeReason::MembershipEnded,
                (false, _) if is_needless(service, &row, member.user).await? => RevokeReason::Superseded,
                (false, _) => continue,
            };
            revoke(service, row, reason).await?;
        }
    }
    Ok(())
}

/// Invitations that waited when something happened, batch by batch.
struct Pages {
    waiting: Select<Entity>,
    after: Uuid,
}

impl Pages {
    /// Those that `concerned` holds for. Whoever is invited again after `event` is meant to come.
    fn new(concerned: Condition, event: &Event) -> Self {
        let waiting = Entity::find()
            .filter(concerned)
            .filter(Column::State.eq(State::Pending))
            .filter(Column::UpdateTime.lte(event.occur_time));
        Self { waiting, after: Uuid::nil() }
    }

    async fn next(&mut self, service: &Invitation) -> Result<Option<Vec<Model>>, Error> {
        let page = self.waiting.clone().filter(Column::Id.gt(self.after)).order_by_asc(Column::Id);
        let rows = page.limit(BATCH).all(&*service.database).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        self.after = last.id;
        Ok(Some(rows))
    }
}

/// Selects the invitations that offer something in `community`.
fn offering(community: CommunityName) -> sea_orm::sea_query::SelectStatement {
    Query::select()
        .column(grant::Column::InvitationId)
        .from(grant::Entity)
        .and_where(grant::Column::CommunityId.eq(community.0))
        .and_where(grant::Column::Live.eq(true))
        .to_owned()
}

/// Revokes the invitation, unless it has ended meanwhile.
async fn revoke(service: &Invitation, row: Model, reason: RevokeReason) -> Result<(), Error> {
    // If somebody is just accepting, that acceptance came first.
    let (change, row) = begin_change(service, row).await?;
    if row.state != State::Pending {
        return Ok(());
    }
    match lifecycle::revoke(service, &change, &row, reason, None).await {
        Ok(row) => {
            change.commit().await?;
            tracing::info!(invitation = %row.name(), "invitation {} revoked with what it rested on", row.id);
            Ok(())
        }
        Err(Error::Expired(_)) => Ok(()),
        Err(other) => Err(other),
    }
}

/// The address of the account. None if there is no such account any more.
async fn address(service: &Invitation, user: UserName) -> Result<Option<EmailAddress>, Failure> {
    let answer = service.identity.clone().get_user(GetUserRequest { name: user.to_string() }).await;
    match answer {
        Ok(answer) => Ok(answer.into_inner().user.and_then(|user| user.email.parse().ok())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(Failure::from_neighbour("identity", status)),
    }
}
