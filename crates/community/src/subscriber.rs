//! What other services tell: of people, for lists, and of invitations, for the use of roles.

use prost::Message as _;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use usher_api::identity::UserEvent;
use usher_api::invitation::{InvitationEvent, InvitationState};
use usher_api::name::{CommunityName, InvitationName, RoleName, UserName};
use usher_runtime::{Change, Event, Failure, Subscription};
use uuid::Uuid;

use crate::entity::{offer, offered_role};
use crate::error::Error;
use crate::role::RoleId;
use crate::{Community, enrolment, people, seats, user_state};

/// The consumer of the identity service's events.
pub(crate) fn of_people(service: Community) -> Subscription {
    let database = service.database.clone();
    Subscription::new("community-people", "identity", &database, service, |service, event| async move {
        note_person(&service, event).await
    })
}

/// The consumer of the invitation service's events.
pub(crate) fn of_invitations(service: Community) -> Subscription {
    let database = service.database.clone();
    Subscription::new("community-offers", "invitation", &database, service, |service, event| async move {
        note_offer(&service, event).await
    })
}

/// Asks what is new about a person. What is known is only ever replaced by something newer, so an event may come twice, late or
/// out of order.
async fn note_person(service: &Community, event: Event) -> Result<(), Failure> {
    if event.kind == "link.created" {
        return enrolment::enrol(service, &event).await;
    }
    if !event.kind.starts_with("user.") {
        return Ok(());
    }
    let news = UserEvent::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    let user: UserName = news.user.parse().map_err(Failure::internal)?;
    if event.kind == "user.purged" {
        return user_state::forget(service, user).await.map_err(into_failure);
    }
    if event.kind == "user.seen" {
        return Ok(people::note_seen(&*service.database, user.0, event.occur_time).await?);
    }
    people::learn(service, user).await?;
    Ok(())
}

fn into_failure(error: Error) -> Failure {
    match error {
        Error::Shared(failure) => failure,
        other => Failure::internal(other),
    }
}

/// Notes which custom roles an invitation offers, as long as it can be accepted.
async fn note_offer(service: &Community, event: Event) -> Result<(), Failure> {
    if !event.kind.starts_with("invitation.") {
        return Ok(());
    }
    let news = InvitationEvent::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    let name: InvitationName = news.invitation.parse().map_err(Failure::internal)?;
    let change = service.database.change().await?;
    if !is_news(&change, name, news.version).await? {
        return Ok(());
    }
    offered_role::Entity::delete_many()
        .filter(offered_role::Column::InvitationId.eq(name.id))
        .exec(&*change)
        .await?;
    seats::note(&change, name.id, news.version, &offered_communities(&news)).await?;
    let roles = offered_roles(&news);
    if !roles.is_empty() {
        let rows = roles.into_iter().map(|role| {
            offered_role::ActiveModel::from(offered_role::Model { invitation_id: name.id, role_id: role })
                .reset_all()
        });
        offered_role::Entity::insert_many(rows)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&*change)
            .await?;
    }
    Ok(change.commit().await?)
}

/// Whether nothing newer is known of the invitation. Then this is noted, in a row that others wait for.
async fn is_news(change: &Change, name: InvitationName, version: i64) -> Result<bool, Failure> {
    let row = offer::Model { invitation_id: name.id, root_id: name.root.0, version };
    let known = Expr::col((offer::Entity, offer::Column::Version));
    let newer = OnConflict::column(offer::Column::InvitationId)
        .update_column(offer::Column::Version)
        .action_and_where(known.lt(version))
        .to_owned();
    let insert = offer::Entity::insert(offer::ActiveModel::from(row).reset_all()).on_conflict(newer);
    Ok(insert.exec_without_returning(&**change).await? > 0)
}

/// The communities that the invitation offers something in. None once it has ended.
fn offered_communities(news: &InvitationEvent) -> Vec<Uuid> {
    if news.state() != InvitationState::Pending {
        return Vec::new();
    }
    let names = news.grants.iter().filter_map(|grant| grant.community.parse::<CommunityName>().ok());
    names.map(|community| community.0).collect()
}

/// The custom roles that the invitation offers. None once it has ended.
fn offered_roles(news: &InvitationEvent) -> Vec<Uuid> {
    if news.state() != InvitationState::Pending {
        return Vec::new();
    }
    let names = news.grants.iter().flat_map(|grant| &grant.roles);
    let ids = names.filter_map(|name| name.parse::<RoleName>().ok()?.id.parse::<RoleId>().ok()?.custom());
    let mut ids: Vec<Uuid> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
