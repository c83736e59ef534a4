//! What a mail speaks of. The templates know it by the names of these fields; a field that does not apply is empty.

use minijinja::{Value, context};
use time::OffsetDateTime;
use time::macros::format_description;
use usher_api::identity::MintAccountMailResponse;
use usher_api::invitation::Offer;

use super::defuse::{harmless, harmless_lines};

/// What a mail speaks of. Words of people are harmless here, and not yet escaped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    /// What the reader is called.
    pub(crate) name: String,
    /// Who invites.
    pub(crate) inviter: String,
    /// Who accepted.
    pub(crate) invitee: String,
    /// The invited address.
    pub(crate) invitee_email: String,
    /// The first of `places`.
    pub(crate) community: String,
    /// How many more there are.
    pub(crate) more: usize,
    /// The communities, with the roles in each. Those that have gone meanwhile are left out.
    pub(crate) places: Vec<Place>,
    /// What the inviter writes, line by line.
    pub(crate) message: Vec<String>,
    /// Whether the reader has an account.
    pub(crate) account_exists: bool,
    /// Whether the address gets no mails at all.
    pub(crate) suppressed: bool,
    /// Where the button leads.
    pub(crate) link: String,
    /// Whether the link works once only.
    pub(crate) once: bool,
    /// The new address of the account, masked.
    pub(crate) new_address: String,
    /// Until when the link works, and from when one can sign in again: seconds since 1970. The templates get texts.
    pub(crate) until: Option<i64>,
    /// See `until`.
    pub(crate) unlock: Option<i64>,
}

/// Roles in a community.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its name.
    pub(crate) name: String,
    /// The names of the roles, separated by commas.
    pub(crate) roles: String,
}

/// A moment in UTC, which does not depend on where the reader lives.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    day: u8,
    month: u8,
    year: i32,
    time: String,
}

impl Moment {
    /// Where the count of seconds begins.
    pub(crate) const BEGIN: Self = Self { day: 1, month: 1, year: 1970, time: String::new() };

    /// So many seconds after 1970 began. `None` if that is beyond the calendar.
    pub(crate) fn at(seconds: i64) -> Option<Self> {
        let moment = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
        let time = moment.format(format_description!("[hour]:[minute]")).ok()?;
        Some(Self { day: moment.day(), month: moment.month().into(), year: moment.year(), time })
    }

    /// The same for templates.
    pub(crate) fn to_value(&self) -> Value {
        context! { day => self.day, month => self.month, year => self.year, time => self.time.as_str() }
    }
}

impl Words {
    /// The same for templates, apart from the moments.
    pub(crate) fn to_value(&self) -> Value {
        let places = self
            .places
            .iter()
            .map(|place| context! { name => place.name.as_str(), roles => place.roles.as_str() });
        context! {
            name => self.name.as_str(),
            inviter => self.inviter.as_str(),
            invitee => self.invitee.as_str(),
            invitee_email => self.invitee_email.as_str(),
            community => self.community.as_str(),
            more => self.more,
            places => places.collect::<Vec<_>>(),
            message => self.message.clone(),
            account_exists => self.account_exists,
            suppressed => self.suppressed,
            link => self.link.as_str(),
            once => self.once,
            new_address => self.new_address.as_str(),
        }
    }

    /// What an invitation offers.
    pub(crate) fn of_offer(offer: &Offer) -> Self {
        let left = offer.communities.iter().filter(|community| !community.display_name.is_empty());
        let places: Vec<Place> = left
            .map(|community| {
                let roles: Vec<String> = community.roles.iter().map(|role| harmless(role)).collect();
                Place { name: harmless(&community.display_name), roles: roles.join(", ") }
            })
            .collect();
        Self {
            name: harmless(&offer.display_name),
            inviter: harmless(&offer.inviter_name),
            invitee_email: harmless(&offer.email),
            community: places.first().map(|place| place.name.clone()).unwrap_or_default(),
            more: places.len().saturating_sub(1),
            places,
            message: harmless_lines(&offer.message),
            until: offer.expire_time.as_ref().map(|until| until.seconds),
            ..Self::default()
        }
    }

    /// The same for whoever made the invitation: what he wrote and until when it can be accepted is no news to him.
    pub(crate) fn for_inviter(self, name: &str, invitee: &str) -> Self {
        let (name, invitee) = (harmless(name), harmless(invitee));
        Self { name, invitee, message: Vec::new(), until: None, ..self }
    }

    /// What there is to tell about an account.
    pub(crate) fn of_account(mail: &MintAccountMailResponse) -> Self {
        Self {
            name: harmless(&mail.full_name),
            link: mail.link.clone(),
            once: true,
            new_address: mail.masked_email.clone(),
            until: mail.expire_time.as_ref().map(|until| until.seconds),
            unlock: mail.unlock_time.as_ref().map(|unlock| unlock.seconds),
            ..Self::default()
        }
    }
}
