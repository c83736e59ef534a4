//! One row for each mail about an account that somebody asked for, or that is owed to its person.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use usher_api::identity::AccountMailKind;
use usher_api::name::MailName;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A mail, which the notifier writes.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_mail")]
pub struct Model {
    /// The id in the resource name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What it is for.
    pub kind: Kind,
    /// About which account. None if that is still to be found by the address: asking must not tell whether there is one.
    pub account_id: Option<Uuid>,
    /// Where it goes, as typed.
    pub email: String,
    /// The address to compare by.
    pub email_canonical: String,
    /// From where it was asked for, as limits count: an IPv4 address or a /64 of IPv6. Empty if nobody asked.
    pub source_range: String,
    /// When it was asked for.
    pub create_time: Timestamp,
    /// Until when it is of use, and its links work.
    pub expire_time: Timestamp,
    /// When it became useless before that: its link was used, or another one took its place.
    pub end_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}

/// What a mail is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Kind {
    /// See [`AccountMailKind`], as all.
    #[sea_orm(string_value = "account_created")]
    AccountCreated,
    /// The person forgot the password.
    #[sea_orm(string_value = "password_reset")]
    PasswordReset,
    /// To the address of the account.
    #[sea_orm(string_value = "email_verification")]
    EmailVerification,
    /// To the new address.
    #[sea_orm(string_value = "email_change")]
    EmailChange,
    /// To the former address.
    #[sea_orm(string_value = "email_changed")]
    EmailChanged,
    /// By its person, or by a reset.
    #[sea_orm(string_value = "password_changed")]
    PasswordChanged,
    /// For a while.
    #[sea_orm(string_value = "account_locked")]
    AccountLocked,
    /// By its person.
    #[sea_orm(string_value = "two_factor_enabled")]
    TwoFactorEnabled,
    /// By its person.
    #[sea_orm(string_value = "two_factor_disabled")]
    TwoFactorDisabled,
    /// By an administrator.
    #[sea_orm(string_value = "two_factor_reset")]
    TwoFactorReset,
    /// By its person.
    #[sea_orm(string_value = "passkey_added")]
    PasskeyAdded,
    /// By its person.
    #[sea_orm(string_value = "passkey_removed")]
    PasskeyRemoved,
}

impl Kind {
    /// Those whose link lets the person choose a password.
    pub(crate) const CHOOSING: [Self; 2] = [Self::AccountCreated, Self::PasswordReset];
    /// Those whose link proves a mailbox.
    pub(crate) const PROVING: [Self; 2] = [Self::EmailVerification, Self::EmailChange];

    /// How long it is of use.
    pub(crate) fn life(self) -> Duration {
        match self {
            Self::AccountCreated => Duration::from_hours(7 * 24),
            Self::PasswordReset => Duration::from_mins(30),
            Self::EmailVerification | Self::EmailChange => Duration::from_hours(24),
            // As long as a mail server may be away.
            Self::EmailChanged
            | Self::PasswordChanged
            | Self::AccountLocked
            | Self::TwoFactorEnabled
            | Self::TwoFactorDisabled
            | Self::TwoFactorReset
            | Self::PasskeyAdded
            | Self::PasskeyRemoved => Duration::from_hours(3 * 24),
        }
    }

    /// Which page of the User Center its link opens. None if it has no link.
    pub(crate) fn page(self) -> Option<&'static str> {
        match self {
            Self::AccountCreated | Self::PasswordReset => Some("reset-password"),
            Self::EmailVerification | Self::EmailChange => Some("verify-email"),
            Self::EmailChanged
            | Self::PasswordChanged
            | Self::AccountLocked
            | Self::TwoFactorEnabled
            | Self::TwoFactorDisabled
            | Self::TwoFactorReset
            | Self::PasskeyAdded
            | Self::PasskeyRemoved => None,
        }
    }

    pub(crate) fn to_proto(self) -> AccountMailKind {
        match self {
            Self::AccountCreated => AccountMailKind::AccountCreated,
            Self::PasswordReset => AccountMailKind::PasswordReset,
            Self::EmailVerification => AccountMailKind::EmailVerification,
            Self::EmailChange => AccountMailKind::EmailChange,
            Self::EmailChanged => AccountMailKind::EmailChanged,
            Self::PasswordChanged => AccountMailKind::PasswordChanged,
            Self::AccountLocked => AccountMailKind::AccountLocked,
            Self::TwoFactorEnabled => AccountMailKind::TwoFactorEnabled,
            Self::TwoFactorDisabled => AccountMailKind::TwoFactorDisabled,
            Self::TwoFactorReset => AccountMailKind::TwoFactorReset,
            Self::PasskeyAdded => AccountMailKind::PasskeyAdded,
            Self::PasskeyRemoved => AccountMailKind::PasskeyRemoved,
        }
    }
}

impl Model {
    /// The resource name.
    pub(crate) fn name(&self) -> MailName {
        MailName(self.id)
    }
}
