//! What enrolling has in common, whatever it is: who enrols, and what follows.

use sea_orm::EntityTrait as _;
use usher_api::identity::Credentials;
use usher_api::name::UserName;
use usher_runtime::{Caller, Change};
use uuid::Uuid;

use super::{Factors, challenge, code};
use crate::access::{named_user, require_self};
use crate::admission::enter;
use crate::confirmation::confirm_person;
use crate::entity::account::{Entity as Accounts, Model as Account};
use crate::entity::account_mail::Kind;
use crate::entity::challenge::Model as Challenge;
use crate::error::Error;
use crate::lockout::Attempt;
use crate::session::Whereabouts;
use crate::{Identity, account, account_mail, session};

/// Who enrols.
pub(crate) struct Enrolling {
    pub(crate) user: UserName,
    /// If he does so to sign in.
    pub(crate) challenge: Option<Challenge>,
}

impl Enrolling {
    /// The person whom `name` names, who must call; or whoever was given the challenge with the token `challenge_token`, if there is one.
    ///
    /// # Errors
    /// [`Error::ChallengeInvalid`]; refusals of callers.
    pub(crate) async fn read(
        service: &Identity,
        caller: &Caller,
        name: &str,
        challenge_token: &str,
    ) -> Result<Self, Error> {
        if challenge_token.is_empty() {
            let user = named_user(caller, "name", name)?;
            require_self(caller, user, "users.update")?;
            return Ok(Self { user, challenge: None });
        }
        let challenge = challenge::find(service, challenge_token, true).await?;
        Ok(Self { user: UserName(challenge.account_id), challenge: Some(challenge) })
    }

    /// His account, of which he must know the password unless he was asked to enrol.
    ///
    /// # Errors
    /// As [`confirm_person`]
    pub(crate) async fn account(
        &self,
        service: &Identity,
        caller: &Caller,
        current_password: &str,
    ) -> Result<Account, Error> {
        let account = Accounts::find_by_id(self.user.0).one(&*service.database).await?;
        let account = account.ok_or_else(|| Error::UserNotFound { user: self.user.to_string() })?;
        if self.challenge.is_none() {
            confirm_person(service, caller, &account, current_password).await?;
        }
        Ok(account)
    }

    /// The session that he enrols in.
    pub(crate) fn session(&self, caller: &Caller) -> Option<Uuid> {
        caller.person.as_ref().filter(|_| self.challenge.is_none()).map(|person| person.session)
    }

    /// Where he is.
    pub(crate) fn whereabouts(&self, caller: &Caller) -> Whereabouts {
        let device = self.challenge.as_ref().map(|challenge| challenge.device.clone()).unwrap_or_default();
        Whereabouts { device, source: caller.source }
    }

    /// Holds his account within `change`, uses the challenge up, and tells what he has so far.
    ///
    /// # Errors
    /// [`Error::UserNotActive`], [`Error::ChallengeInvalid`]; [`Error::SecondFactorRequired`] if a session that was ended is to be a way
    /// around the recovery code.
    pub(crate) async fn hold(
        &self,
        service: &Identity,
        caller: &Caller,
        change: &Change,
    ) -> Result<(Account, Factors), Error> {
        let account = account::hold_active(change, self.user).await?;
        if let Some(challenge) = &self.challenge {
            challenge::use_up(change, challenge).await?;
        }
        let before = Factors::of(&**change, &account).await?;
        if self.challenge.is_none() {
            if before.recovering {
                return Err(Error::SecondFactorRequired);
            }
            session::require_live(service, &**change, caller).await?;
        }
        Ok((account, before))
    }

    /// Commits, and begins the session of somebody who enrolled to sign in.
    pub(crate) async fn finish(
        &self,
        service: &Identity,
        change: Change,
        account: &Account,
        (whereabouts, attempt): (Whereabouts, Attempt),
    ) -> Result<Option<Credentials>, Error> {
        if self.challenge.is_some() {
            return Ok(Some(enter(service, change, account, whereabouts, attempt).await?));
        }
        attempt.succeed(&change, None).await?;
        change.commit().await?;
        Ok(None)
    }
}

/// Writes within `change` what follows when a second factor is asked for from now on.
pub(crate) async fn enable(service: &Identity, change: &Change, account: &Account) -> Result<(), Error> {
    code::remove_recovery(change, account.id).await?;
    let row = account::write(service, change, account.id, Vec::new(), "user.two_factor_enabled").await?;
    account_mail::notify(service, change, Kind::TwoFactorEnabled, &row).await
}

/// The backup codes of somebody who had `before`: new ones within `change`, if he had none.
pub(crate) async fn backup_codes(
    service: &Identity,
    change: &Change,
    account: &Account,
    before: &Factors,
) -> Result<Vec<String>, Error> {
    if before.backup_codes > 0 {
        return Ok(Vec::new());
    }
    Ok(code::renew_backups(&service.random, change, account.id).await?)
}
