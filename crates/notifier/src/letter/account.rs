//! What is said in mails about accounts.

use minijinja::context;
use usher_api::identity::{AccountMailKind, MintAccountMailResponse};

use super::{day, harmless};

/// What a mail of some kind says, whoever it is for.
struct Words {
    subject: &'static str,
    news: &'static str,
    /// On the button, if there is one.
    button: &'static str,
    /// What to do if it is a surprise.
    surprise: &'static str,
}

const IGNORE: &str = "If you did not expect this mail, you can ignore it: nothing changes.";
const ALARM: &str = "If it was not you, choose a new password by \u{201c}Forgot password\u{201d} at once, and tell whoever runs this service.";

const TWO_FACTOR_ENABLED: Words = Words {
    subject: "Signing in to your account takes two steps from now on",
    news: "Beside the password, a code of your app is asked for. Where you were signed in before, you have to sign in again.",
    button: "",
    surprise: ALARM,
};
const TWO_FACTOR_DISABLED: Words = Words {
    subject: "Signing in to your account takes only the password from now on",
    news: "No code of an app is asked for any more.",
    button: "",
    surprise: ALARM,
};
const TWO_FACTOR_RESET: Words = Words {
    subject: "An administrator has reset the second step of signing in to your account",
    news: "Codes of your app and backup codes open nothing any more, and you were signed out everywhere. With your password and \
                   the recovery code that the administrator hands over to you, within 24 hours, you can set up an app again.",
    button: "",
    surprise: "If you did not ask for it, do not give the recovery code to anybody, and tell whoever runs this service at once.",
};

fn words_of(kind: AccountMailKind) -> Option<Words> {
    Some(match kind {
        AccountMailKind::Unspecified => return None,
        AccountMailKind::AccountCreated => Words {
            subject: "Your account is ready",
            news: "An account was made for you with this address. Choose a password, and you can sign in.",
            button: "Choose a password",
            surprise: IGNORE,
        },
        AccountMailKind::PasswordReset => Words {
            subject: "Choose a new password",
            news: "Somebody, probably you, has forgotten the password of your account.",
            button: "Choose a new password",
            surprise: "If it was not you, you can ignore this mail: your password stays as it is.",
        },
        AccountMailKind::EmailVerification => Words {
            subject: "Confirm your address",
            news: "Please confirm that this is the address of your account. You must be signed in for that.",
            button: "Confirm the address",
            surprise: IGNORE,
        },
        AccountMailKind::EmailChange => Words {
            subject: "Confirm your new address",
            news: "This is to become the address of your account. You must be signed in to confirm it.",
            button: "Confirm the new address",
            surprise: IGNORE,
        },
        AccountMailKind::EmailChanged => Words {
            subject: "The address of your account was changed",
            news: "Mails about your account go to another address from now on.",
            button: "",
            surprise: "If it was not you, tell whoever runs this service at once.",
        },
        AccountMailKind::PasswordChanged => Words {
            subject: "Your password was changed",
            news: "Your account has a new password. Where you were signed in with the former one, you may be asked to sign in again.",
            button: "",
            surprise: ALARM,
        },
        AccountMailKind::AccountLocked => Words {
            subject: "Signing in to your account is locked for a while",
            news: "Too many attempts to sign in failed. Where you are signed in already, you can go on.",
            button: "",
            surprise: "If it was not you, nobody got in by it. A new password, by \u{201c}Forgot password\u{201d}, unlocks at once.",
        },
        AccountMailKind::TwoFactorEnabled => TWO_FACTOR_ENABLED,
        AccountMailKind::TwoFactorDisabled => TWO_FACTOR_DISABLED,
        AccountMailKind::TwoFactorReset => TWO_FACTOR_RESET,
    })
}

/// What the templates speak of.
///
/// # Errors
/// A kind of mail of which nothing is known here: the service that asks is newer.
pub(super) fn words(mail: &MintAccountMailResponse) -> Result<minijinja::Value, String> {
    let words = words_of(mail.kind()).ok_or("it is of an unknown kind")?;
    Ok(context! {
        name => harmless(&mail.full_name),
        subject => words.subject,
        news => words.news,
        button => words.button,
        surprise => words.surprise,
        link => mail.link.as_str(),
        until => mail.expire_time.as_ref().map(|until| day(until.seconds)).unwrap_or_default(),
        unlock => mail.unlock_time.as_ref().map(|unlock| day(unlock.seconds)).unwrap_or_default(),
        new_address => mail.masked_email.as_str(),
    })
}

#[cfg(test)]
mod tests {
    use usher_runtime::Timestamp;

    use super::super::Letters;
    use super::*;

    const LINK: &str = "https://usher.test/reset-password/usher_act_x";

    fn letter(kind: AccountMailKind, link: &str) -> String {
        let letters = Letters::new("Usher <no-reply@usher.test>".parse().unwrap()).unwrap();
        let mail = MintAccountMailResponse {
            kind: kind.into(),
            recipient: "mira@example.com".to_owned(),
            full_name: "Mira <b>".to_owned(),
            link: link.to_owned(),
            masked_email: "m\u{2022}@e.com".to_owned(),
            ..MintAccountMailResponse::default()
        };
        let letter =
            letters.account("<x@usher.test>", &mail.recipient.parse().unwrap(), &mail, Timestamp(0)).unwrap();
        String::from_utf8(letter.formatted()).unwrap().replace("=\r\n", "").replace("=3D", "=")
    }

    #[test]
    fn every_kind_has_words() {
        for number in 1..=10 {
            let kind = AccountMailKind::try_from(number).unwrap();
            assert!(letter(kind, "").contains(words_of(kind).unwrap().subject), "{kind:?}");
        }
        assert!(AccountMailKind::try_from(11).is_err(), "another kind needs words, and a place here");
    }

    #[test]
    fn a_link_is_in_both_parts_and_names_cannot_write_html() {
        let letter = letter(AccountMailKind::PasswordReset, LINK);
        assert!(letter.matches(LINK).count() >= 3, "{letter}");
        let html = letter.split("text/html").nth(1).unwrap();
        assert!(!html.contains("Mira <b>") && html.contains("Mira &lt;b&gt;"), "{html}");
    }
}
