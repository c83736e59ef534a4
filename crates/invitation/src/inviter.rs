//! Whoever does something to an invitation, and above all whoever invites: a person, or a program, perhaps on behalf of a person.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, Expr, ExprTrait as _};
use usher_api::name::{PrincipalName, UserName};
use usher_runtime::Actor;
use uuid::Uuid;

use crate::entity::invitation::Column;

/// An actor in three columns. People and programs are found by the id alone: no two have the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) id: Uuid,
    /// The name of a program. Empty of a person.
    pub(crate) program: String,
    pub(crate) on_behalf_of: Option<Uuid>,
}

impl From<Actor> for Columns {
    fn from(actor: Actor) -> Self {
        let program = match actor.principal {
            PrincipalName::User(_) => String::new(),
            program @ (PrincipalName::ApiKey { .. } | PrincipalName::ServiceAccount(_)) => {
                program.to_string()
            }
        };
        Self { id: actor.principal.id(), program, on_behalf_of: actor.on_behalf_of.map(|user| user.0) }
    }
}

/// The actor of whom the columns tell.
pub(crate) fn from_columns(id: Uuid, program: &str, on_behalf_of: Option<Uuid>) -> Actor {
    let principal = program.parse().unwrap_or(PrincipalName::User(UserName(id)));
    Actor { principal, on_behalf_of: on_behalf_of.map(UserName) }
}

/// The person behind what `actor` does, if there is one.
pub(crate) fn person(actor: Actor) -> Option<UserName> {
    actor.on_behalf_of.or(actor.principal.user())
}

/// Makes `inviter` the one on whose authority an invitation rests.
pub(crate) fn values(inviter: Actor) -> [(Column, Expr); 3] {
    let Columns { id, program, on_behalf_of } = inviter.into();
    [
        (Column::InviterId, Expr::value(id)),
        (Column::InviterProgram, Expr::value(program)),
        (Column::OnBehalfOfId, Expr::value(on_behalf_of)),
    ]
}

/// Holds for invitations that rest on the authority of `principal`: its own, and of a person those on his behalf.
pub(crate) fn rest_on(principal: PrincipalName) -> Condition {
    match principal {
        PrincipalName::User(user) => {
            // The names of programs have ids that are no person's, whatever a request calls them.
            let own = Column::InviterId.eq(user.0).and(Column::InviterProgram.eq(""));
            Condition::any().add(own).add(Column::OnBehalfOfId.eq(user.0))
        }
        program @ (PrincipalName::ApiKey { .. } | PrincipalName::ServiceAccount(_)) => Condition::all()
            .add(Column::InviterId.eq(program.id()))
            .add(Column::InviterProgram.eq(program.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use usher_api::name::{CommunityName, ServiceAccountName};

    use super::*;

    #[test]
    fn columns_tell_every_kind_of_actor() {
        let id = Uuid::from_u128;
        let key = PrincipalName::ApiKey { community: CommunityName(id(1)), id: id(2) };
        let account = PrincipalName::ServiceAccount(ServiceAccountName(id(3)));
        let ada = UserName(id(4));
        for (actor, behind) in [
            (Actor::from(ada), Some(ada)),
            (key.into(), None),
            (account.into(), None),
            (Actor { principal: account, on_behalf_of: Some(ada) }, Some(ada)),
        ] {
            let Columns { id, program, on_behalf_of } = actor.into();
            assert_eq!(from_columns(id, &program, on_behalf_of), actor);
            assert_eq!(person(actor), behind);
        }
    }
}
