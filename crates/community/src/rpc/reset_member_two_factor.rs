use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use usher_api::community as pb;
use usher_api::identity::ResetTwoFactorRequest;
use usher_api::name::{MemberName, UserName};
use usher_runtime::{Actor, Caller, Failure, Violations};

use crate::catalogue::MEMBERS_RESET_TWO_FACTOR;
use crate::entity::member::{Column, Entity, State};
use crate::error::Error;
use crate::membership::HeldMember;
use crate::user_state::HeldPerson;
use crate::{Community, authority, parse, user_state};

pub(crate) async fn reset_member_two_factor(
    service: &Community,
    caller: &Caller,
    request: pb::ResetMemberTwoFactorRequest,
) -> Result<pb::ResetMemberTwoFactorResponse, Error> {
    let actor = caller.person()?.user.into();
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<MemberName>());
    let name = parse::required(name, &mut violations)?;
    let user = UserName(name.user);
    authority::require_for_change(service, caller, MEMBERS_RESET_TWO_FACTOR, name.community).await?;
    user_state::require_ordinary(service, user).await?;
    require_power_everywhere(service, actor, name).await?;

    let message = ResetTwoFactorRequest { name: user.to_string() };
    let answer = service.identity.clone().reset_two_factor(caller.forward(message)).await;
    let reset = answer.map_err(|status| Failure::from_neighbour("identity", status))?.into_inner();
    tracing::info!(member = %name, "second factor of member {} reset", name.user);
    Ok(pb::ResetMemberTwoFactorResponse {
        recovery_code: reset.recovery_code,
        expire_time: reset.expire_time,
    })
}

/// Refuses unless `actor` may do it wherever the member belongs: what opens his account opens all of it.
async fn require_power_everywhere(service: &Community, actor: Actor, name: MemberName) -> Result<(), Error> {
    // Nothing is written: the trees are held so that all of it is of one moment.
    let change = service.database.change().await?;
    HeldPerson::take(&change, UserName(name.user)).await?;
    let here = HeldMember::take(&change, name).await?;
    here.require_power(&change, actor, MEMBERS_RESET_TWO_FACTOR).await?;
    let memberships =
        Entity::find().filter(Column::UserId.eq(name.user)).filter(Column::State.ne(State::Removed));
    for row in memberships.all(&*change).await? {
        let member = HeldMember::take_anywhere(&change, row.name()).await?;
        match member.require_power(&change, actor, MEMBERS_RESET_TWO_FACTOR).await {
            Ok(()) => {}
            Err(Error::Shared(Failure::PermissionDenied { .. }) | Error::RoleExceedsAuthority { .. }) => {
                return Err(Error::MemberElsewhere(UserName(name.user)));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
