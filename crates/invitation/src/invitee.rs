//! The invited person, as an account: whose verified address is the invited one.

use sea_orm::entity::prelude::*;
use usher_api::identity::GetUserRequest;
use usher_api::name::InvitationName;
use usher_runtime::{Caller, EmailAddress, Failure};

use crate::Invitation;
use crate::entity::invitation::{Entity, Model};
use crate::error::Error;

/// A signed-in person, by his address.
#[derive(Debug)]
pub(crate) struct Invitee {
    pub(crate) email: EmailAddress,
    /// Whether he has shown that the mailbox is his.
    verified: bool,
}

impl Invitee {
    /// The person who calls.
    pub(crate) async fn of(service: &Invitation, caller: &Caller) -> Result<Self, Error> {
        let request = caller.forward(GetUserRequest { name: caller.person()?.user.to_string() });
        let answer = service.identity.clone().get_user(request).await;
        let account = answer.map_err(|status| Failure::from_neighbour("identity", status))?.into_inner().user;
        let account = account.unwrap_or_default();
        let email = account.email.parse().map_err(Failure::internal)?;
        Ok(Self { email, verified: account.email_verified })
    }

    /// Refuses whoever has not shown that the mailbox is his.
    pub(crate) fn require_verified(&self) -> Result<(), Error> {
        if self.verified { Ok(()) } else { Err(Error::EmailNotVerified) }
    }

    /// The invitation `name`, if it is to this person. Nobody learns of those to others.
    pub(crate) async fn find(&self, service: &Invitation, name: InvitationName) -> Result<Model, Error> {
        let row = Entity::find_by_id(name.id).one(&*service.database).await?;
        let row = row.filter(|row| row.name() == name && row.email_canonical == self.email.canonical());
        let row = row.ok_or(Error::NotFound)?;
        self.require_verified()?;
        Ok(row)
    }
}
