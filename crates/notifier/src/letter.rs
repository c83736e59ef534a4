//! Letters: what is written, and the headers around it.
//!
//! | file | what is in it |
//! |---|---|
//! | `letter/kind.rs` | the kinds of mail |
//! | `letter/words.rs` | what a mail speaks of |
//! | `letter/templates.rs`, `../templates/` | how it is said, in every language |
//! | `letter/defuse.rs` | words of people, made harmless |
//! | `letter/headers.rs` | headers that lettre does not have |
//! | `letter/dkim.rs` | the signature |
//! | `letter/samples.rs` | made-up mails, to try templates out |

mod defuse;
mod dkim;
mod headers;
mod kind;
pub(crate) mod samples;
mod templates;
mod words;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use usher_runtime::{EmailAddress, Timestamp};
use uuid::Uuid;

use crate::config::Config;
use defuse::header_name;
use dkim::Signature;
use headers::{AutoSubmitted, ListUnsubscribe};

pub(crate) use kind::Kind;
pub(crate) use templates::{Rendered, Templates};
pub(crate) use words::Words;

/// The templates and what all letters have in common.
#[derive(Clone)]
pub(crate) struct Letters {
    from: Mailbox,
    templates: Arc<Templates>,
    unsubscribe: Option<Address>,
    signature: Option<Arc<Signature>>,
}

/// What goes into one letter.
pub(crate) struct Draft<'a> {
    pub(crate) kind: Kind,
    /// The same at every attempt, so that a reader's program can drop a copy.
    pub(crate) message_id: &'a str,
    pub(crate) recipient: &'a EmailAddress,
    /// What the reader is called, as he or somebody else typed it.
    pub(crate) recipient_name: &'a str,
    /// The language that the reader wants, a BCP 47 tag. Empty if unknown.
    pub(crate) locale: &'a str,
    pub(crate) words: &'a Words,
    /// The image of the community that the letter is about.
    pub(crate) image: Option<Image>,
}

/// An image that mail programs show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    content_type: ContentType,
    content: Vec<u8>,
}

/// By which the HTML names the image in the same mail.
const IMAGE_ID: &str = "community-image";
/// The largest image, in bytes: it is part of every mail.
const LARGEST_IMAGE: usize = 256 * 1024;

impl Image {
    /// The image, unless it is too large, or of a kind that many mail programs do not show: WebP.
    pub(crate) fn new(media_type: &str, content: Vec<u8>) -> Option<Self> {
        let shown = matches!(media_type, "image/png" | "image/jpeg");
        if !shown || content.is_empty() || content.len() > LARGEST_IMAGE {
            return None;
        }
        Some(Self { content_type: ContentType::parse(media_type).ok()?, content })
    }
}

impl Letters {
    /// Letters from `from`, as `config` wants them.
    ///
    /// # Errors
    /// The setting that is wrong; the file and the line of a template that does not work.
    pub(crate) fn new(config: &Config, from: Mailbox) -> Result<Self, String> {
        let templates = Templates::load(config.templates_directory.as_deref(), &config.default_locale)?;
        let unsubscribe = config.unsubscribe_address.as_ref().map(|address| {
            address.parse().map_err(|error| format!("notifier.unsubscribe_address: `{address}`: {error}"))
        });
        let domain = from.email.domain();
        let signature = config.dkim.as_ref().map(|dkim| Signature::new(dkim, domain)).transpose()?;
        Ok(Self {
            from,
            templates: Arc::new(templates),
            unsubscribe: unsubscribe.transpose()?,
            signature: signature.map(Arc::new),
        })
    }

    /// The `Message-ID` of a delivery: the same at every attempt.
    pub(crate) fn message_id(&self, delivery: Uuid) -> String {
        format!("<{delivery}@{}>", self.from.email.domain())
    }

    /// Writes a letter.
    ///
    /// # Errors
    /// What is wrong, without the address.
    pub(crate) fn write(&self, draft: Draft<'_>, now: Timestamp) -> Result<Message, String> {
        let address = address(draft.recipient).ok_or("the address cannot be mailed to")?;
        let name = Some(header_name(draft.recipient_name)).filter(|name| !name.is_empty());
        let image_source = if draft.image.is_some() { format!("cid:{IMAGE_ID}") } else { String::new() };
        let rendered = self.templates.render(draft.kind, draft.locale, draft.words, &image_source)?;
        let moment = UNIX_EPOCH + Duration::from_secs(now.unix_seconds().unsigned_abs());
        let mut builder = Message::builder()
            .from(self.sender(&draft.words.community))
            .to(Mailbox::new(name, address))
            .subject(rendered.subject.clone())
            .message_id(Some(draft.message_id.to_owned()))
            .date(moment)
            .header(AutoSubmitted);
        if let Some(unsubscribe) = self.unsubscribe.as_ref().filter(|_| draft.kind.is_uninvited()) {
            builder = builder.header(ListUnsubscribe::to(unsubscribe, draft.message_id));
        }
        let message = builder.multipart(body(rendered, draft.image));
        let mut message = message.map_err(|error| error.to_string())?;
        if let Some(signature) = &self.signature {
            signature.sign(&mut message);
        }
        Ok(message)
    }

    /// Whom a letter is from: the community by its name, so that the reader sees at once what it is about, and at our address.
    fn sender(&self, community: &str) -> Mailbox {
        let community = header_name(community);
        let name = match (&self.from.name, community.as_str()) {
            (own, "") => own.clone(),
            (Some(own), community) => Some(format!("{community} via {own}")),
            (None, community) => Some(community.to_owned()),
        };
        Mailbox::new(name, self.from.email.clone())
    }
}

fn body(rendered: Rendered, image: Option<Image>) -> MultiPart {
    let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(rendered.text);
    let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(rendered.html);
    let alternatives = MultiPart::alternative().singlepart(text);
    match image {
        None => alternatives.singlepart(html),
        Some(image) => {
            let shown = Attachment::new_inline(IMAGE_ID.to_owned()).body(image.content, image.content_type);
            alternatives.multipart(MultiPart::related().singlepart(html).singlepart(shown))
        }
    }
}

/// As it was typed, but with the domain in ASCII, which every mail server understands.
fn address(email: &EmailAddress) -> Option<Address> {
    let (local, _) = email.typed().split_once('@')?;
    Address::new(local, email.domain()).ok()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use ed25519_dalek::pkcs8::EncodePrivateKey as _;
    use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;

    use super::*;

    fn letters(config: &Config) -> Letters {
        Letters::new(config, "Usher <no-reply@usher.test>".parse().unwrap()).unwrap()
    }

    fn write(letters: &Letters, kind: Kind, words: &Words, image: Option<Image>) -> String {
        raw(letters, kind, words, image).replace("=\r\n", "").replace("=3D", "=")
    }

    fn raw(letters: &Letters, kind: Kind, words: &Words, image: Option<Image>) -> String {
        let recipient = "mira@example.com".parse().unwrap();
        let draft = Draft {
            kind,
            message_id: &letters.message_id(Uuid::nil()),
            recipient: &recipient,
            recipient_name: &words.name,
            locale: "en",
            words,
            image,
        };
        let letter = letters.write(draft, Timestamp(0)).unwrap();
        String::from_utf8(letter.formatted()).unwrap()
    }

    #[test]
    fn headers_say_what_the_letter_is() {
        let letter = write(&letters(&Config::default()), Kind::Invitation, &samples::invitation(), None);
        for header in [
            "Message-ID: <00000000-0000-0000-0000-000000000000@usher.test>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
            "From: \"Alpine Bank via Usher\" <no-reply@usher.test>\r\n",
            "To: \"Mira Okafor\" <mira@example.com>\r\n",
        ] {
            assert!(letter.contains(header), "{header} is not in {letter}");
        }
        assert!(!letter.contains("List-Unsubscribe") && !letter.contains("DKIM-Signature"));
        let account = write(&letters(&Config::default()), Kind::PasswordReset, &Words::default(), None);
        assert!(account.contains("From: Usher <no-reply@usher.test>"), "{account}");
    }

    #[test]
    fn who_is_written_to_without_having_asked_can_say_so() {
        let config = Config { unsubscribe_address: Some("stop@usher.test".to_owned()), ..Config::default() };
        let letters = letters(&config);
        for (kind, _, words) in samples::all() {
            let letter = write(&letters, kind, &words, None);
            let expected = "List-Unsubscribe: <mailto:stop@usher.test?subject=";
            assert_eq!(letter.contains(expected), kind.is_uninvited(), "{kind:?}: {letter}");
        }
        let wrong = Config { unsubscribe_address: Some("nowhere".to_owned()), ..Config::default() };
        let refused = Letters::new(&wrong, "no-reply@usher.test".parse().unwrap()).err().unwrap();
        assert!(refused.starts_with("notifier.unsubscribe_address"), "{refused}");
    }

    #[test]
    fn letters_are_signed_as_they_leave() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let dkim = Some(dkim::tests::config(&key.to_pkcs8_pem(LineEnding::LF).unwrap()));
        let letters = letters(&Config { dkim, ..Config::default() });
        let letter =
            raw(&letters, Kind::Invitation, &samples::invitation(), Image::new("image/png", vec![1, 2, 3]));
        assert!(dkim::tests::verifies(&letter, &key), "{letter}");
    }

    #[test]
    fn names_cannot_add_headers() {
        let mut words = samples::invitation();
        words.name = "Mira\r\nBcc: all@example.com".to_owned();
        words.community = "Bank\" <x@evil.example>\r\nReply-To: x".to_owned();
        words.inviter = "A\nBcc: b".to_owned();
        let letter = write(&letters(&Config::default()), Kind::Invitation, &words, None);
        let letter = letter.split("\r\n\r\n").next().unwrap();
        assert!(!letter.contains("\nBcc:") && !letter.contains("\nReply-To:"), "{letter}");
        assert!(
            letter.contains("From: \"Bank x evil example Reply-To x via Usher\" <no-reply@usher.test>"),
            "{letter}"
        );
    }

    #[test]
    fn the_image_of_the_community_comes_with_the_letter() {
        let image = Image::new("image/png", vec![1, 2, 3]);
        let letter = write(&letters(&Config::default()), Kind::Invitation, &samples::invitation(), image);
        assert!(
            letter.contains("src=\"cid:community-image\"")
                && letter.contains("Content-ID: <community-image>")
        );
        let without = write(&letters(&Config::default()), Kind::Invitation, &samples::invitation(), None);
        assert!(!without.contains("<img"), "{without}");
        assert!(Image::new("image/webp", vec![1]).is_none() && Image::new("image/png", Vec::new()).is_none());
        assert!(Image::new("image/png", vec![0; LARGEST_IMAGE + 1]).is_none());
    }

    #[test]
    fn domains_are_written_so_that_every_server_knows_them() {
        let typed = "Mira.O@Bücher.example".parse().unwrap();
        assert_eq!(address(&typed).unwrap().to_string(), "Mira.O@xn--bcher-kva.example");
    }
}
