//! Made-up mails, to try templates out and to look at them.

use super::kind::Kind;
use super::words::{Place, Words};

/// 3 December 2026, 14:05 UTC.
const UNTIL: i64 = 1_796_306_700;

/// Each kind of mail, with what tells variants apart.
pub(crate) fn all() -> Vec<(Kind, &'static str, Words)> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        match kind {
            Kind::Invitation | Kind::Reminder => {
                all.push((kind, "", invitation()));
                all.push((kind, "-existing-account", Words { account_exists: true, ..invitation() }));
                all.push((kind, "-plain", plain()));
            }
            Kind::Accepted => all.push((kind, "", outcome())),
            Kind::DeliveryFailed => {
                all.push((kind, "", Words { invitee: String::new(), ..outcome() }));
                all.push((kind, "-suppressed", Words { suppressed: true, ..outcome() }));
            }
            _ => all.push((kind, "", account(kind))),
        }
    }
    all
}

/// An invitation into two communities, with a message.
pub(crate) fn invitation() -> Words {
    let place = |name: &str, roles: &str| Place { name: name.to_owned(), roles: roles.to_owned() };
    Words {
        name: "Mira Okafor".to_owned(),
        inviter: "Ada Lindqvist".to_owned(),
        invitee_email: "mira@example.com".to_owned(),
        community: "Alpine Bank".to_owned(),
        more: 1,
        places: vec![place("Alpine Bank", "Guest, Analyst"), place("Harbour Logistics", "Incident reviewer")],
        message: vec!["Welcome aboard! We start on Monday at nine.".to_owned(), "See you there.".to_owned()],
        link: "https://usher.example/join/usher_inv_this-is-no-token-but-as-long-as-one".to_owned(),
        until: Some(UNTIL),
        ..Words::default()
    }
}

/// An invitation of somebody of whom little is known.
fn plain() -> Words {
    let all = invitation();
    Words {
        places: all.places[..1].iter().map(|place| Place { roles: String::new(), ..place.clone() }).collect(),
        community: all.community,
        link: all.link,
        ..Words::default()
    }
}

fn outcome() -> Words {
    Words {
        name: "Ada Lindqvist".to_owned(),
        invitee: "Mira Okafor".to_owned(),
        link: String::new(),
        until: None,
        message: Vec::new(),
        ..invitation()
    }
}

fn account(kind: Kind) -> Words {
    let has_link = matches!(
        kind,
        Kind::AccountCreated | Kind::PasswordReset | Kind::EmailVerification | Kind::EmailChange
    );
    let link = "https://usher.example/reset-password/usher_act_this-is-no-token-but-as-long-as-one";
    Words {
        name: "Mira Okafor".to_owned(),
        link: if has_link { link.to_owned() } else { String::new() },
        once: true,
        until: has_link.then_some(UNTIL),
        unlock: (kind == Kind::AccountLocked).then_some(UNTIL),
        new_address: if kind == Kind::EmailChanged {
            "m•••@e•••.org".to_owned()
        } else {
            String::new()
        },
        ..Words::default()
    }
}
