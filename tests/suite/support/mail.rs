//! Mails that arrived.

use std::path::Path;

use mail_parser::{Message, MessageParser};
use sandbox::{current, until};

/// A mail as its reader sees it.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The header `Subject`.
    pub subject: String,
    /// The header `Message-ID`, without brackets.
    pub message_id: String,
    /// The part for programs that show text.
    pub text: String,
    /// The part for programs that show HTML.
    pub html: String,
    /// The mail as it came.
    pub raw: String,
}

impl Mail {
    /// A header on one line, decoded no further. Empty if there is none.
    pub fn header(&self, name: &str) -> String {
        let headers = self.raw.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        let header = headers.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        header.unwrap_or_default().to_owned()
    }

    /// The link in the text part.
    ///
    /// # Panics
    /// If there is none.
    pub fn link(&self) -> String {
        let link = self
            .text
            .split_whitespace()
            .find(|word| word.contains("/usher_inv_") || word.contains("/usher_act_"));
        link.unwrap_or_else(|| panic!("no link in {}", self.text)).to_owned()
    }

    /// The token in the link.
    pub fn token(&self) -> String {
        self.link().rsplit('/').next().unwrap_or_default().to_owned()
    }
}

/// Waits until `count` mails to `email` have arrived, and returns them in the order of arrival.
pub async fn arrived(email: &str, count: usize) -> Vec<Mail> {
    until(&format!("{count} mails to {email} arrive"), || async move {
        Some(mails(&current().mailbox, email)).filter(|mails| mails.len() >= count)
    })
    .await
}

/// Waits for the newest mail to `email` with a subject that contains `words`.
pub async fn about(email: &str, words: &str) -> Mail {
    until(&format!("a mail to {email} about {words} arrives"), || async move {
        mails(&current().mailbox, email).into_iter().rfind(|mail| mail.subject.contains(words))
    })
    .await
}

/// Waits for the one mail to `email`.
pub async fn the_mail(email: &str) -> Mail {
    let mut mails = arrived(email, 1).await;
    assert_eq!(mails.len(), 1, "one mail was expected at {email}");
    mails.remove(0)
}

/// The mails to `email` that are there.
pub fn mails(mailbox: &Path, email: &str) -> Vec<Mail> {
    let Ok(folder) = std::fs::read_dir(mailbox.join(email.to_lowercase())) else { return Vec::new() };
    let mut files: Vec<_> = folder.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "eml"));
    files.sort_by_key(|file| file.metadata().and_then(|metadata| metadata.modified()).ok());
    files.iter().filter_map(|file| std::fs::read(file).ok()).filter_map(|bytes| read(&bytes)).collect()
}

fn read(bytes: &[u8]) -> Option<Mail> {
    let message: Message<'_> = MessageParser::default().parse(bytes)?;
    Some(Mail {
        subject: message.subject().unwrap_or_default().to_owned(),
        message_id: message.message_id().unwrap_or_default().to_owned(),
        text: message.body_text(0).unwrap_or_default().into_owned(),
        html: message.body_html(0).unwrap_or_default().into_owned(),
        raw: String::from_utf8_lossy(bytes).into_owned(),
    })
}
