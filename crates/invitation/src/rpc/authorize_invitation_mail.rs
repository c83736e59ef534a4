use sea_orm::{EntityTrait as _, QuerySelect as _};
use usher_api::invitation as pb;

use crate::departure::{self, LIFETIME};
use crate::entity::invitation::Entity;
use crate::error::Error;
use crate::{Invitation, parse};

pub(crate) async fn authorize_invitation_mail(
    service: &Invitation,
    request: pb::AuthorizeInvitationMailRequest,
) -> Result<pb::AuthorizeInvitationMailResponse, Error> {
    let name = parse::invitation_name("name", &request.name)?;
    // Behind the lock, an end that was answered has been seen, and one that comes sees what is noted here.
    let change = service.database.change().await?;
    let row = Entity::find_by_id(name.id).lock_exclusive().one(&*change).await?;
    let row = row.filter(|row| row.name() == name).ok_or(Error::NotFound)?;
    row.require_pending(service.clock.now())?;
    departure::allow(&change, vec![row.id]).await?;
    change.commit().await?;
    Ok(pb::AuthorizeInvitationMailResponse { lifetime: LIFETIME.try_into().ok() })
}
