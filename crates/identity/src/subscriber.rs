//! What the community service tells: who belongs where, whose account can be used, and what communities ask of sessions and accounts. Each piece of news
//! carries its number, so it may come twice, late or out of order.

use prost::Message as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use usher_api::community::{
    AccountState, CommunityEvent, CommunityState, MemberEvent, MemberState, SettingsEvent, UserStateEvent,
};
use usher_api::name::{ApiKeyOwner, CommunityName, MemberName, UserName};
use usher_runtime::{Event, Failure, Subscription, Timestamp};

use crate::account::{hold, write};
use crate::entity::{account, community_rule, membership};
use crate::error::Error;
use crate::{Identity, api_key, session};

/// The consumer of the community service's events.
pub(crate) fn of_communities(service: Identity) -> Subscription {
    let database = service.database.clone();
    Subscription::new("identity-communities", "community", &database, service, |service, event| async move {
        note(&service, event).await
    })
}

async fn note(service: &Identity, event: Event) -> Result<(), Failure> {
    match event.kind.split_once('.') {
        Some(("member", _)) => note_member(service, &event.payload).await,
        Some(("user", _)) => note_state(service, &event.payload).await.map_err(into_failure),
        Some(("settings", _)) => note_settings(service, &event.payload).await,
        Some(("community", fact)) => note_community(service, fact, &event.payload).await,
        _ => Ok(()),
    }
}

fn into_failure(error: Error) -> Failure {
    match error {
        Error::Shared(failure) => failure,
        other => Failure::internal(other),
    }
}

/// Notes whether an account can be used. One that cannot has no sessions.
async fn note_state(service: &Identity, payload: &[u8]) -> Result<(), Error> {
    use account::Column;
    let news = UserStateEvent::decode(payload).map_err(Failure::internal)?;
    let user: UserName = news.user.parse().map_err(Failure::internal)?;
    // A state that this program does not know yet is none in which an account can be used.
    let state = match news.state() {
        AccountState::Active => account::State::Active,
        AccountState::Deleted => account::State::Deleted,
        AccountState::Deactivated | AccountState::Unspecified => account::State::Deactivated,
    };
    let change = service.database.change().await?;
    let row = match hold(&change, user).await {
        Ok(row) if row.state_version < news.version => row,
        Ok(_) | Err(Error::UserNotFound { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    let columns = vec![
        (Column::State, Expr::value(state)),
        (Column::StateVersion, Expr::value(news.version)),
        (Column::PurgeTime, Expr::value(news.purge_time.map(Timestamp::from))),
    ];
    write(service, &change, row.id, columns, "user.updated").await?;
    if state != account::State::Active {
        session::end_all(service, &change, row.id, None).await?;
    }
    change.commit().await?;
    Ok(())
}

async fn note_member(service: &Identity, payload: &[u8]) -> Result<(), Failure> {
    use membership::Column;
    let news = MemberEvent::decode(payload).map_err(Failure::internal)?;
    let member: MemberName = news.member.parse().map_err(Failure::internal)?;
    let root: CommunityName = news.root.parse().map_err(Failure::internal)?;
    let change = service.database.change().await?;
    // What becomes of a destroyed account's memberships is nobody's business any more.
    match hold(&change, UserName(member.user)).await {
        Ok(_) => {}
        Err(Error::UserNotFound { .. }) => return Ok(()),
        Err(error) => return Err(into_failure(error)),
    }
    let row = membership::Model {
        account_id: member.user,
        community_id: member.community.0,
        root_id: root.0,
        inherits: news.inherits,
        active: news.state() == MemberState::Active,
        version: news.version,
        expected_until: None,
    };
    let known = Expr::col((membership::Entity, Column::Version));
    let newer = OnConflict::columns([Column::AccountId, Column::CommunityId])
        .update_columns([Column::Inherits, Column::Active, Column::Version, Column::ExpectedUntil])
        .action_and_where(known.lt(news.version))
        .to_owned();
    membership::Entity::insert(membership::ActiveModel::from(row).reset_all())
        .on_conflict(newer)
        .exec_without_returning(&*change)
        .await?;
    change.commit().await?;
    Ok(())
}

async fn note_settings(service: &Identity, payload: &[u8]) -> Result<(), Failure> {
    use community_rule::Column;
    let news = SettingsEvent::decode(payload).map_err(Failure::internal)?;
    let community = news.settings.strip_suffix("/settings").unwrap_or_default();
    let community: CommunityName = community.parse().map_err(Failure::internal)?;
    let root: CommunityName = news.root.parse().map_err(Failure::internal)?;
    let row = community_rule::Model {
        session_duration: news.session_duration.map(|duration| duration.seconds),
        enforce_two_factor: news.enforce_two_factor,
        version: news.version,
        ..silent(community, root)
    };
    let columns = [Column::SessionDuration, Column::EnforceTwoFactor, Column::Version];
    keep(service, row, &columns, Column::Version, news.version).await
}

async fn note_community(service: &Identity, fact: &str, payload: &[u8]) -> Result<(), Failure> {
    use community_rule::Column;
    let news = CommunityEvent::decode(payload).map_err(Failure::internal)?;
    let deleted = fact == "purged" || news.state() == CommunityState::Deleted;
    let suspended = news.state() == CommunityState::Suspended;
    let back = matches!(fact, "undeleted" | "reactivated");
    if !deleted && !suspended && !back {
        return Ok(());
    }
    let community: CommunityName = news.community.parse().map_err(Failure::internal)?;
    let root: CommunityName = news.root.parse().map_err(Failure::internal)?;
    if fact == "purged" {
        api_key::forget(service, ApiKeyOwner::Community(community)).await?;
    }
    let row = community_rule::Model {
        deleted,
        suspended,
        community_version: news.version,
        ..silent(community, root)
    };
    let columns = [Column::Deleted, Column::Suspended, Column::CommunityVersion];
    keep(service, row, &columns, Column::CommunityVersion, news.version).await
}

/// The row of a community that asks nothing.
fn silent(community: CommunityName, root: CommunityName) -> community_rule::Model {
    community_rule::Model {
        community_id: community.0,
        root_id: root.0,
        session_duration: None,
        enforce_two_factor: false,
        version: 0,
        deleted: false,
        suspended: false,
        community_version: 0,
    }
}

/// Keeps `columns` of `row`, unless the number in `counted` is known to have been reached.
async fn keep(
    service: &Identity,
    row: community_rule::Model,
    columns: &[community_rule::Column],
    counted: community_rule::Column,
    version: i64,
) -> Result<(), Failure> {
    let known = Expr::col((community_rule::Entity, counted));
    let newer = OnConflict::column(community_rule::Column::CommunityId)
        .update_columns(columns.iter().copied())
        .action_and_where(known.lt(version))
        .to_owned();
    community_rule::Entity::insert(community_rule::ActiveModel::from(row).reset_all())
        .on_conflict(newer)
        .exec_without_returning(&*service.database)
        .await?;
    Ok(())
}
