//! The mails that were sent: the embedded default keeps them in a directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mailparse::{MailHeaderMap as _, ParsedMail};
use tokio::time::Instant;

use super::story::Unexpected;

/// The directory.
pub struct Mailbox(PathBuf);

/// A mail.
pub struct Mail {
    /// Whom it is for.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The part for those who read plain text.
    pub text: String,
}

/// Mails are sent within milliseconds; a busy machine may need longer.
const PATIENCE: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(50);

impl Mailbox {
    /// The mails below `directory`.
    pub fn at(directory: PathBuf) -> Self {
        Self(directory)
    }

    /// Waits for the first mail to `address`.
    pub async fn wait_for(&self, address: &str) -> Result<Mail, Unexpected> {
        self.wait_for_another(address, 0).await
    }

    /// Waits for a mail to `address` that comes after `known` others.
    pub async fn wait_for_another(&self, address: &str, known: usize) -> Result<Mail, Unexpected> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(mail) = self.mails_to(address).into_iter().nth(known) {
                return Ok(mail);
            }
            if Instant::now() > until {
                return Err(Unexpected::new(format!("no mail to {address} came")));
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// All mails to `address`, oldest first.
    pub fn mails_to(&self, address: &str) -> Vec<Mail> {
        let mut files = Vec::new();
        collect_files(&self.0, &mut files);
        files.sort();
        let mails = files.iter().filter_map(|file| read(file));
        mails.filter(|mail| mail.to.contains(address)).collect()
    }
}

impl Mail {
    /// The link that the mail is about.
    pub fn link(&self) -> Result<&str, Unexpected> {
        let mut words = self.text.split_whitespace();
        let link = words.find(|word| word.starts_with("http") && word.contains("/join/"));
        link.ok_or_else(|| Unexpected::new(format!("the mail to {} has no link", self.to)))
    }

    /// The token in the link.
    pub fn token(&self) -> Result<String, Unexpected> {
        let link = self.link()?;
        Ok(link.rsplit('/').next().unwrap_or_default().to_owned())
    }
}

fn collect_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "eml") {
            files.push(path);
        }
    }
}

fn read(file: &Path) -> Option<Mail> {
    let bytes = std::fs::read(file).ok()?;
    let mail = mailparse::parse_mail(&bytes).ok()?;
    Some(Mail {
        to: mail.headers.get_first_value("To")?,
        subject: mail.headers.get_first_value("Subject")?,
        text: text_part(&mail)?,
    })
}

fn text_part(mail: &ParsedMail<'_>) -> Option<String> {
    if mail.ctype.mimetype == "text/plain" {
        return mail.get_body().ok();
    }
    mail.subparts.iter().find_map(text_part)
}
