//! The invited person, as an account: whose verified address is the invited one.

use sea_orm::entity::prelude::*;
use usher_api::identity::{GetUserRequest, User};
use usher_api::name::InvitationName;
use usher_runtime::{Caller, EmailAddress, Failure};

use crate::Invitation;
use crate::entity::invitation::{Entity, Model};
use crate::error::Error;

/// A signed-in person, by his address.
#[derive(Debug)]
pub(crate) struct Invitee {
    pub(crate) account: User,
    pub(crate) email: EmailAddress,
}

impl Invitee {
    /// The person who calls.
    pub(crate) async fn of(service: &Invitation, caller: &Caller) -> Result<Self, Error> {
        let request = caller.forward(GetUserRequest { name: caller.person()?.user.to_string() });
        let answer = service.identity.clone().get_user(request).await;
        let account = answer.map_err(|status| Failure::from_neighbour("identity", status))?.into_inner().user;
        let account = account.unwrap_or_default();
        let email = account.email.parse().map_err(Failure::internal)?;
        Ok(Self { account, email })
    }

    /// Whether the invitation is to his address.
    pub(crate) fn is_invited_by(&self, row: &Model) -> bool {
        row.email_canonical == self.email.canonical()
    }

    /// Refuses whoever has not shown that the mailbox is his.
    pub(crate) fn require_verified(&self) -> Result<(), Error> {
        if self.account.email_verified { Ok(()) } else { Err(Error::EmailNotVerified) }
    }

    /// The invitation `name`, if it is to this person. Nobody learns of those to others.
    pub(crate) async fn find(&self, service: &Invitation, name: InvitationName) -> Result<Model, Error> {
        let row = Entity::find_by_id(name.id).one(&*service.database).await?;
        let row = row.filter(|row| row.name() == name && self.is_invited_by(row));
        let row = row.ok_or(Error::NotFound)?;
        self.require_verified()?;
        Ok(row)
    }
}
