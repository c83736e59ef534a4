//! Invitations that nobody needs any more: the person came to be a member in another way, and holds all that he is offered.
//!
//! What offers more than he holds stays: whoever signed in at the identity provider of his community is a guest there, and may still
//! accept to be its administrator. Nothing is given by this, since only an acceptance gives.

use std::collections::BTreeSet;

use sea_orm::entity::prelude::*;
use tonic::Code;
use usher_api::community::{GetMemberRequest, Inheritance};
use usher_api::name::{CommunityName, MemberName};
use usher_runtime::Failure;

use crate::Invitation;
use crate::entity::grant;
use crate::entity::invitation::Model;
use crate::error::Error;

/// A role, and whether it counts in the communities inside.
type Held = (String, bool);

/// Whether `user` was given all that the invitation offers.
pub(crate) async fn is_needless(service: &Invitation, row: &Model, user: Uuid) -> Result<bool, Error> {
    for grant in grant::of_invitation(&*service.database, row.id).await? {
        let member = MemberName { community: CommunityName(grant.community_id), user };
        let held = held(service, member).await?;
        let inherits = grant.inheritance == i32::from(Inheritance::SelfAndDescendants);
        if !grant.roles.split(',').all(|role| held.contains(&(role.to_owned(), inherits))) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The roles that the member was given. None if he is no active member.
async fn held(service: &Invitation, member: MemberName) -> Result<BTreeSet<Held>, Failure> {
    let request = GetMemberRequest { name: member.to_string() };
    let member = match service.community.clone().get_member(request).await {
        Ok(answer) => answer.into_inner().member.unwrap_or_default(),
        Err(status) if status.code() == Code::NotFound => return Ok(BTreeSet::new()),
        Err(status) => return Err(Failure::from_neighbour("community", status)),
    };
    let roles = member.roles.into_iter().map(|held| {
        let inherits = held.inheritance() == Inheritance::SelfAndDescendants;
        (held.role, inherits)
    });
    Ok(roles.collect())
}
