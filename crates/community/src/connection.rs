//! Connections to identity providers: who may administer them, and what their default role may be. The identity service keeps them.

use sea_orm::EntityTrait as _;
use tonic::{Response, Status};
use usher_api::name::CommunityName;
use usher_runtime::{Caller, Failure};

use crate::Community;
use crate::catalogue::CONNECTIONS_MANAGE;
use crate::enrolment::asked;
use crate::entity::community;
use crate::error::Error;
use crate::grants::Judge;

/// Where a connection is made, and what people become there.
pub(crate) struct Judged {
    pub(crate) root: CommunityName,
    /// The full name of the role. Empty if none was asked for.
    pub(crate) default_role: String,
}

/// Judges whether the calling person could give `role` himself.
pub(crate) async fn judge(
    service: &Community,
    caller: &Caller,
    community: CommunityName,
    role: &str,
) -> Result<Judged, Error> {
    let row = community::Entity::find_by_id(community.0).one(&*service.database).await?;
    let root = row.ok_or(Error::CommunityNotFound(community))?.root();
    if role.is_empty() {
        return Ok(Judged { root, default_role: String::new() });
    }
    let grant = asked(community, role);
    let giver = caller.person()?.user;
    let judge = Judge::load(&*service.database, root, giver, std::slice::from_ref(&grant)).await?;
    judge.authorize(CONNECTIONS_MANAGE, &grant)?;
    let examined = judge.examine(&grant)?;
    let default_role = examined.roles.first().map(|(_, name)| name.to_string()).unwrap_or_default();
    Ok(Judged { root, default_role })
}

/// What the identity service answered.
pub(crate) fn answered<T>(answer: Result<Response<T>, Status>) -> Result<T, Failure> {
    answer.map(Response::into_inner).map_err(|status| Failure::from_neighbour("identity", status))
}
