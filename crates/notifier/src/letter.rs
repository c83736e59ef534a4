//! What is written. People's words are escaped, and what looks like an address in a name is made not to be one.

mod account;

use std::sync::Arc;

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use minijinja::{Environment, UndefinedBehavior, context};
use time::OffsetDateTime;
use time::macros::format_description;
use usher_api::identity::MintAccountMailResponse;
use usher_api::invitation::Offer;
use usher_runtime::{EmailAddress, Timestamp};
use uuid::Uuid;

/// Each kind of letter has a template for its subject, its text and its HTML.
const TEMPLATES: [(&str, &str); 6] = [
    ("invitation.subject.txt", include_str!("../templates/invitation.subject.txt")),
    ("invitation.txt", include_str!("../templates/invitation.txt")),
    ("invitation.html", include_str!("../templates/invitation.html")),
    ("account.subject.txt", include_str!("../templates/account.subject.txt")),
    ("account.txt", include_str!("../templates/account.txt")),
    ("account.html", include_str!("../templates/account.html")),
];

/// The templates and the sender.
#[derive(Clone)]
pub(crate) struct Letters {
    from: Mailbox,
    templates: Arc<Environment<'static>>,
}

/// Tells other programs not to answer (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Letters {
    /// Letters from `from`.
    ///
    /// # Errors
    /// A template that is not one.
    pub(crate) fn new(from: Mailbox) -> Result<Self, String> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in TEMPLATES {
            templates.add_template(name, source).map_err(|error| format!("template {name}: {error}"))?;
        }
        Ok(Self { from, templates: Arc::new(templates) })
    }

    /// The `Message-ID` of a delivery: the same at every attempt.
    pub(crate) fn message_id(&self, delivery: Uuid) -> String {
        format!("<{delivery}@{}>", self.from.email.domain())
    }

    /// The invitation to `offer`, with `link`.
    ///
    /// # Errors
    /// What is wrong with the offer, without the address.
    pub(crate) fn invitation(
        &self,
        message_id: &str,
        offer: &Offer,
        link: &str,
        now: Timestamp,
    ) -> Result<Message, String> {
        let to = mailbox(&offer.display_name, &offer.email)?;
        self.write("invitation", message_id, to, &words(offer, link), now)
    }

    /// A mail about an account.
    ///
    /// # Errors
    /// What is wrong with what is to be said, without the address.
    pub(crate) fn account(
        &self,
        message_id: &str,
        mail: &MintAccountMailResponse,
        now: Timestamp,
    ) -> Result<Message, String> {
        let to = mailbox(&mail.full_name, &mail.recipient)?;
        self.write("account", message_id, to, &account::words(mail)?, now)
    }

    /// A letter by the templates of `kind`.
    fn write(
        &self,
        kind: &str,
        message_id: &str,
        to: Mailbox,
        words: &minijinja::Value,
        now: Timestamp,
    ) -> Result<Message, String> {
        let render = |part: &str| {
            let name = format!("{kind}.{part}");
            let template = self.templates.get_template(&name);
            template
                .and_then(|template| template.render(words))
                .map_err(|error| format!("template {name}: {error}"))
        };
        let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(render("txt")?);
        let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(render("html")?);
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(render("subject.txt")?.trim())
            .message_id(Some(message_id.to_owned()))
            .date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(now.unix_seconds().unsigned_abs()))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative().singlepart(text).singlepart(html))
            .map_err(|error| error.to_string())
    }
}

fn mailbox(name: &str, email: &str) -> Result<Mailbox, String> {
    let address = address(email).ok_or("the address cannot be mailed to")?;
    Ok(Mailbox::new(Some(harmless(name)).filter(|name| !name.is_empty()), address))
}

/// As it was typed, but with the domain in ASCII, which every mail server understands.
fn address(typed: &str) -> Option<Address> {
    let email: EmailAddress = typed.parse().ok()?;
    let (local, _) = email.typed().split_once('@')?;
    let (_, domain) = email.canonical().split_once('@')?;
    Address::new(local, domain).ok()
}

/// What the templates speak of. Communities that have gone meanwhile are left out.
fn words(offer: &Offer, link: &str) -> minijinja::Value {
    let left = offer.communities.iter().filter(|community| !community.display_name.is_empty());
    let places = left.map(|community| {
        let roles: Vec<String> = community.roles.iter().map(|role| harmless(role)).collect();
        context! { name => harmless(&community.display_name), roles => roles.join(", ") }
    });
    context! {
        guest => harmless(&offer.display_name),
        inviter => harmless(&offer.inviter_name),
        places => places.collect::<Vec<_>>(),
        link,
        until => offer.expire_time.as_ref().map(|until| day(until.seconds)).unwrap_or_default(),
    }
}

/// A day in words that do not depend on where the reader lives.
fn day(seconds: i64) -> String {
    let format = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
    let moment = OffsetDateTime::from_unix_timestamp(seconds).ok();
    moment.and_then(|moment| moment.format(format).ok()).unwrap_or_default()
}

/// A name in which no mail program finds a link, and that disturbs nothing around it: whoever can write names into other
/// people's mail must not be able to lead them somewhere.
fn harmless(name: &str) -> String {
    let mut harmless = String::new();
    for character in name.trim().chars() {
        match character {
            _ if character.is_control() || disturbs(character) => {}
            // An invisible space after it keeps the parts of an address apart.
            '.' | '@' | ':' | '/' => harmless.extend([character, '\u{200b}']),
            _ => harmless.push(character),
        }
    }
    harmless
}

/// Characters that end a line or turn the direction of what follows, and spaces that are not seen.
fn disturbs(character: char) -> bool {
    let turns =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200b}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use usher_api::invitation::OfferedCommunity;

    use super::*;

    fn letter(offer: &Offer) -> String {
        let letters = Letters::new("Usher <no-reply@usher.test>".parse().unwrap()).unwrap();
        let id = letters.message_id(Uuid::nil());
        let letter =
            letters.invitation(&id, offer, "https://usher.test/join/usher_inv_x", Timestamp(0)).unwrap();
        String::from_utf8(letter.formatted()).unwrap().replace("=\r\n", "")
    }

    fn offer() -> Offer {
        Offer {
            email: "mira@example.com".to_owned(),
            display_name: "Mira".to_owned(),
            inviter_name: "Ada".to_owned(),
            communities: vec![OfferedCommunity {
                community: String::new(),
                display_name: "Alpine Bank".to_owned(),
                roles: vec!["Guest".to_owned(), "Analyst".to_owned()],
            }],
            ..Offer::default()
        }
    }

    #[test]
    fn says_who_invites_where_and_as_what() {
        let letter = letter(&offer());
        for word in [
            "Ada",
            "Alpine Bank",
            "Guest, Analyst",
            "Join your new community",
            "https://usher.test/join/usher_inv_x",
        ] {
            assert!(letter.matches(word).count() >= 2, "{word} must be in both parts:\n{letter}");
        }
        assert!(letter.contains("Message-ID: <00000000-0000-0000-0000-000000000000@usher.test>"));
        assert!(
            letter.contains("Auto-Submitted: auto-generated") && letter.contains("Date: Thu, 01 Jan 1970")
        );
    }

    #[test]
    fn names_cannot_write_html() {
        let mut hostile = offer();
        hostile.inviter_name = "<a href=x>Click</a><script>".to_owned();
        let letter = letter(&hostile);
        let html = letter.split("text/html").nth(1).unwrap();
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"));
    }

    #[test]
    fn names_cannot_lead_anywhere_or_add_headers() {
        assert_eq!(harmless(" evil.example "), "evil.\u{200b}example");
        let urls = ["https://evil.example/x", "mailto:a@evil.example", "//evil.example"];
        for url in urls {
            let shown = harmless(url);
            assert!(!["://", "//", "@e", ".e"].iter().any(|part| shown.contains(part)), "{shown}");
        }
        assert_eq!(harmless("a\u{202e}b\u{2028}c\r\nd"), "abcd");
        let mut hostile = offer();
        hostile.display_name = "Mira\r\nBcc: all@example.com".to_owned();
        assert!(!letter(&hostile).contains("\nBcc:"));
    }

    #[test]
    fn communities_that_have_gone_are_not_named() {
        let mut offer = offer();
        offer.communities.insert(0, OfferedCommunity::default());
        let letter = letter(&offer);
        assert!(letter.contains("Subject: Ada invites you to Alpine Bank"), "{letter}");
        assert_eq!(letter.matches("<li>").count(), 1);
    }

    #[test]
    fn domains_are_written_so_that_every_server_knows_them() {
        let written = |typed| address(typed).map(|address| address.to_string());
        assert_eq!(written("Mira.O@Bücher.example").unwrap(), "Mira.O@xn--bcher-kva.example");
        assert_eq!(written("a@example.com, b@example.com"), None);
    }
}
