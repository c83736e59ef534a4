//! People who sign in by a connection of a community for the first time, and so become members there.

use usher_api::community::Inheritance;
use usher_api::identity::LinkEvent;
use usher_api::name::{CommunityName, ConnectionName, UserName};
use usher_runtime::{Change, Event, Failure, processed_event};

use prost::Message as _;
use sea_orm::EntityTrait as _;

use crate::entity::community::State;
use crate::entity::member;
use crate::error::Error;
use crate::grants::{Grant, Judge};
use crate::membership::Gift;
use crate::parse::AskedGrant;
use crate::settings::InForce;
use crate::tree::HeldCommunity;
use crate::{Community, people, seats};

/// What is enrolled is counted for.
const CONSUMER: &str = "community-enrolment";

/// The default role of a connection of `community`, as a grant: it reaches the community alone.
pub(crate) fn asked(community: CommunityName, role: &str) -> AskedGrant {
    AskedGrant {
        field: "connection.default_role".to_owned(),
        community,
        roles: vec![role.to_owned()],
        inheritance: Inheritance::Self_,
    }
}

/// Makes the person of a new link a member, once, however often the news comes: whoever was removed since stays so. What keeps him
/// out does so for good; then he can be invited.
pub(crate) async fn enrol(service: &Community, event: &Event) -> Result<(), Failure> {
    let news = LinkEvent::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    let user: UserName = news.user.parse().map_err(Failure::internal)?;
    let connection: ConnectionName = news.connection.parse().map_err(Failure::internal)?;
    let community = connection.community;
    // His name and address, which the membership is found by.
    people::know(service, user).await?;
    let change = service.database.change().await?;
    if !processed_event::first_time(&change, CONSUMER, event.id, service.clock.now()).await? {
        return Ok(());
    }
    match admit(service, &change, community, user, &news.default_role).await {
        Ok(()) => tracing::info!(%community, %user, "member {} enrolled in {}", user.0, community.0),
        Err(Error::Shared(failure)) => return Err(failure),
        Err(refusal) => {
            tracing::warn!(%community, %user, %refusal, "{} is not enrolled in {}", user.0, community.0);
        }
    }
    Ok(change.commit().await?)
}

async fn admit(
    service: &Community,
    change: &Change,
    community: CommunityName,
    user: UserName,
    role: &str,
) -> Result<(), Error> {
    let held = HeldCommunity::take(change, community).await?;
    if held.state() == State::Deleted {
        held.require_active()?;
    }
    let present = member::Entity::find_by_id((community.0, user.0)).one(&**change).await?;
    if present.is_some_and(|row| row.state != member::State::Removed) {
        return Ok(());
    }
    let settings = InForce::load(&**change, &held.row).await?.effective;
    seats::require_one(change, &held.row, &settings).await?;
    let grant = default_role(change, &held, user, role).await?;
    // Nobody gave it to him but himself, by signing in.
    let gift = Gift { root: held.root.name(), to: user, by: user.into(), invitation: String::new() };
    gift.give(service, change, &[grant]).await?;
    Ok(())
}

/// What the role was judged by when the connection was made or changed holds on; but it may be gone.
async fn default_role(
    change: &Change,
    held: &HeldCommunity,
    user: UserName,
    role: &str,
) -> Result<Grant, Error> {
    let asked = asked(held.row.name(), role);
    let judge = Judge::load(&**change, held.root.name(), user, std::slice::from_ref(&asked)).await?;
    judge.name_roles(&asked)
}
