//! The kinds of mail, each with a file of words in every language.

use usher_api::identity::AccountMailKind;

/// What a mail is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Invitation,
    Reminder,
    Accepted,
    DeliveryFailed,
    AccountCreated,
    PasswordReset,
    EmailVerification,
    EmailChange,
    EmailChanged,
    PasswordChanged,
    AccountLocked,
    TwoFactorEnabled,
    TwoFactorDisabled,
    TwoFactorReset,
    PasskeyAdded,
    PasskeyRemoved,
}

impl Kind {
    /// All.
    pub(crate) const ALL: [Self; 16] = [
        Self::Invitation,
        Self::Reminder,
        Self::Accepted,
        Self::DeliveryFailed,
        Self::AccountCreated,
        Self::PasswordReset,
        Self::EmailVerification,
        Self::EmailChange,
        Self::EmailChanged,
        Self::PasswordChanged,
        Self::AccountLocked,
        Self::TwoFactorEnabled,
        Self::TwoFactorDisabled,
        Self::TwoFactorReset,
        Self::PasskeyAdded,
        Self::PasskeyRemoved,
    ];

    /// The name of its file of words, without the ending.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Reminder => "reminder",
            Self::Accepted => "accepted",
            Self::DeliveryFailed => "delivery_failed",
            Self::AccountCreated => "account_created",
            Self::PasswordReset => "password_reset",
            Self::EmailVerification => "email_verification",
            Self::EmailChange => "email_change",
            Self::EmailChanged => "email_changed",
            Self::PasswordChanged => "password_changed",
            Self::AccountLocked => "account_locked",
            Self::TwoFactorEnabled => "two_factor_enabled",
            Self::TwoFactorDisabled => "two_factor_disabled",
            Self::TwoFactorReset => "two_factor_reset",
            Self::PasskeyAdded => "passkey_added",
            Self::PasskeyRemoved => "passkey_removed",
        }
    }

    /// That of a mail about an account. `None` for kinds of which nothing is known here: the service that asks is newer.
    pub(crate) fn of_account(kind: AccountMailKind) -> Option<Self> {
        Some(match kind {
            AccountMailKind::Unspecified => return None,
            AccountMailKind::AccountCreated => Self::AccountCreated,
            AccountMailKind::PasswordReset => Self::PasswordReset,
            AccountMailKind::EmailVerification => Self::EmailVerification,
            AccountMailKind::EmailChange => Self::EmailChange,
            AccountMailKind::EmailChanged => Self::EmailChanged,
            AccountMailKind::PasswordChanged => Self::PasswordChanged,
            AccountMailKind::AccountLocked => Self::AccountLocked,
            AccountMailKind::TwoFactorEnabled => Self::TwoFactorEnabled,
            AccountMailKind::TwoFactorDisabled => Self::TwoFactorDisabled,
            AccountMailKind::TwoFactorReset => Self::TwoFactorReset,
            AccountMailKind::PasskeyAdded => Self::PasskeyAdded,
            AccountMailKind::PasskeyRemoved => Self::PasskeyRemoved,
        })
    }

    /// Whether somebody writes whom the reader may not know, so that the reader can say that he wants no more of it. All
    /// others are about an account or an invitation of the reader's own.
    pub(crate) fn is_uninvited(self) -> bool {
        matches!(self, Self::Invitation | Self::Reminder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mail_about_an_account_has_a_kind() {
        for number in 1..=12 {
            let kind = AccountMailKind::try_from(number).unwrap();
            assert!(Kind::of_account(kind).is_some(), "{kind:?}");
        }
        assert!(AccountMailKind::try_from(13).is_err(), "another kind needs words, and a place here");
    }
}
