use sea_orm::EntityTrait as _;
use usher_api::invitation as pb;
use usher_api::name::UserName;

use crate::entity::invitation::State;
use crate::entity::{grant, invitation};
use crate::error::Error;
use crate::inviter::person;
use crate::{Invitation, offer, parse};

pub(crate) async fn describe_invitation(
    service: &Invitation,
    request: pb::DescribeInvitationRequest,
) -> Result<pb::DescribeInvitationResponse, Error> {
    let name = parse::invitation_name("name", &request.name)?;
    let row = invitation::Entity::find_by_id(name.id).one(&*service.database).await?;
    let row = row.filter(|row| row.name() == name).ok_or(Error::NotFound)?;
    let grants = grant::of_invitation(&*service.database, row.id).await?;
    let offer = offer::describe(service, &row, &grants).await?;
    let accepted = row.state == State::Accepted;
    let invitee = row.invitee_id.filter(|_| accepted).map(|id| UserName(id).to_string());
    Ok(pb::DescribeInvitationResponse {
        offer: Some(offer),
        inviter: person(row.inviter()).map(|user| user.to_string()).unwrap_or_default(),
        invitee: invitee.unwrap_or_default(),
        pending: row.state_at(service.clock.now()) == State::Pending,
        delivery_state: pb::DeliveryState::from(row.delivery_state).into(),
    })
}
