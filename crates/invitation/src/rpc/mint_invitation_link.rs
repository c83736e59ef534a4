use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;
use usher_api::invitation as pb;

use crate::entity::{grant, invitation, token};
use crate::error::Error;
use crate::token::InvitationToken;
use crate::{Invitation, offer, parse};

use super::resolve_invitation_token::account_exists;

pub(crate) async fn mint_invitation_link(
    service: &Invitation,
    request: pb::MintInvitationLinkRequest,
) -> Result<pb::MintInvitationLinkResponse, Error> {
    let name = parse::invitation_name("name", &request.name)?;
    let row = invitation::Entity::find_by_id(name.id).one(&*service.database).await?;
    let row = row.filter(|row| row.name() == name).ok_or(Error::NotFound)?;
    row.require_pending(service.clock.now())?;
    let grants = grant::of_invitation(&*service.database, row.id).await?;
    offer::require_acceptable(service, &grants).await?;
    let offer = offer::describe(service, &row, &grants).await?;
    let account_exists = account_exists(service, &row.email).await?;
    let (image_media_type, image) = offer::image(service, &offer).await?;

    // The answers of neighbours took their time. Behind the lock, an end that was answered has been seen, and whoever makes all
    // links stop working makes this one too, or comes before it.
    let change = service.database.change().await?;
    let row = invitation::Entity::find_by_id(name.id).lock_exclusive().one(&*change).await?;
    let row = row.ok_or(Error::NotFound)?;
    row.require_pending(service.clock.now())?;
    let token = InvitationToken::generate(&service.random);
    let stored = token::Model { hash: token.hash(), invitation_id: row.id, create_time: service.clock.now() };
    token::Entity::insert(token::ActiveModel::from(stored)).exec_without_returning(&*change).await?;
    change.commit().await?;
    Ok(pb::MintInvitationLinkResponse {
        link: token.link(&service.config.link_base_url),
        offer: Some(offer),
        account_exists,
        image,
        image_media_type,
    })
}
