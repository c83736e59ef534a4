//! The first platform administrator, whom nobody can invite.

use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;
use secrecy::{ExposeSecret as _, SecretString};
use usher_api::name::UserName;
use usher_runtime::{Failure, Violations};

use crate::Identity;
use crate::account::{self, Profile};
use crate::entity::account::{Column, Entity};
use crate::error::Error;
use crate::password::{Chosen, Context};

impl Identity {
    /// Makes the first platform administrator. For operators, who have the database; there is no RPC for it.
    ///
    /// # Errors
    /// [`Error::Bootstrapped`] if there is one; [`Error::UserExists`] if the address has another account; what is wrong with
    /// the address, name or password.
    pub async fn bootstrap(
        &self,
        email: &str,
        full_name: &str,
        password: SecretString,
    ) -> Result<UserName, Error> {
        let mut violations = Violations::default();
        let profile = Profile::parse(email, full_name, &mut violations);
        let context = Context::new(email, full_name, []);
        let chosen = self
            .password_policy
            .choose("password", password.expose_secret(), (false, context), &mut violations)
            .await?;
        violations.finish()?;
        let (Some(profile), Some(Chosen { password, .. })) = (profile, chosen) else {
            return Err(Failure::internal("not parsed").into());
        };
        let hash = self.hasher.hash(&password).await?;

        let change = self.database.change().await?;
        let existing = Entity::find().filter(Column::PlatformAdmin.eq(true)).limit(1).one(&*change).await?;
        if existing.is_some() {
            return Err(Error::Bootstrapped);
        }
        let mut row = account::new(self, profile, hash);
        row.platform_admin = true;
        account::insert(self, &change, &row).await?;
        change.commit().await?;
        Ok(row.name())
    }

    /// Whether somebody administers the platform.
    pub async fn is_bootstrapped(&self) -> Result<bool, Error> {
        let existing =
            Entity::find().filter(Column::PlatformAdmin.eq(true)).limit(1).one(&*self.database).await?;
        Ok(existing.is_some())
    }
}
