//! One connection to the mail server: the commands of RFC 5321 that a client needs to deliver mail.

use std::collections::HashSet;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::script::Script;

/// The mails that were accepted, and who was seen before.
pub struct Mailbox {
    folder: PathBuf,
    arrivals: AtomicU64,
    seen: Mutex<HashSet<String>>,
}

impl Mailbox {
    /// Mails in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, arrivals: AtomicU64::new(0), seen: Mutex::default() }
    }

    fn script(&self, recipient: &str) -> Script {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Script::of(recipient, !seen.insert(recipient.to_owned()))
    }

    /// Written under another name first, so that nobody reads half a mail.
    fn keep(&self, recipient: &str, mail: &[u8]) -> io::Result<()> {
        let folder = self.folder.join(recipient.replace('/', "_"));
        std::fs::create_dir_all(&folder)?;
        let number = self.arrivals.fetch_add(1, Ordering::SeqCst);
        let unfinished = folder.join(format!("{number:06}.part"));
        std::fs::write(&unfinished, mail)?;
        std::fs::rename(unfinished, folder.join(format!("{number:06}.eml")))
    }
}

/// A connection.
pub struct Conversation<'a, R, W> {
    mailbox: &'a Mailbox,
    reader: R,
    writer: W,
    envelope: Option<Envelope>,
}

/// The mail that is under way, after MAIL.
#[derive(Default)]
struct Envelope {
    recipients: Vec<String>,
    vanishes: bool,
}

enum Next {
    Say(&'static str),
    End(&'static str),
    Vanish,
}

impl<'a, R: BufRead, W: Write> Conversation<'a, R, W> {
    /// With a client that `reader` hears and `writer` answers.
    pub fn new(mailbox: &'a Mailbox, reader: R, writer: W) -> Self {
        Self { mailbox, reader, writer, envelope: None }
    }

    /// Holds the conversation to its end.
    pub fn hold(&mut self) -> io::Result<()> {
        self.say("220 sandbox ESMTP")?;
        loop {
            let line = self.line()?;
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            match self.next(&line)? {
                Next::Say(answer) => self.say(answer)?,
                Next::End(answer) => return self.say(answer),
                Next::Vanish => return Ok(()),
            }
        }
    }

    fn next(&mut self, line: &str) -> io::Result<Next> {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        Ok(match verb.as_str() {
            "EHLO" => self.begin("250-sandbox\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 PIPELINING"),
            "HELO" | "RSET" => self.begin("250 ok"),
            "NOOP" => Next::Say("250 ok"),
            "MAIL" if self.envelope.is_some() => Next::Say("503 one mail after the other"),
            "MAIL" => {
                self.envelope = Some(Envelope::default());
                Next::Say("250 ok")
            }
            "RCPT" => Next::Say(self.recipient(line)),
            "DATA" => self.data()?,
            "QUIT" => Next::End("221 bye"),
            _ => Next::Say("500 what?"),
        })
    }

    fn begin(&mut self, answer: &'static str) -> Next {
        self.envelope = None;
        Next::Say(answer)
    }

    fn recipient(&mut self, line: &str) -> &'static str {
        let Some(envelope) = &mut self.envelope else { return "503 from whom?" };
        let address =
            line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(address, _)| address);
        let Some(address) = address.filter(|address| address.contains('@')) else { return "501 no address" };
        let address = address.to_lowercase();
        match self.mailbox.script(&address) {
            Script::Refuse => return "550 5.1.1 nobody of that name",
            Script::RefuseOnce => return "554 5.7.1 not this time",
            Script::DeferOnce | Script::DeferAlways => return "451 4.7.1 try again later",
            Script::VanishOnce => envelope.vanishes = true,
            Script::Keep => {}
        }
        envelope.recipients.push(address);
        "250 ok"
    }

    fn data(&mut self) -> io::Result<Next> {
        if self.envelope.as_ref().is_none_or(|envelope| envelope.recipients.is_empty()) {
            return Ok(Next::Say("503 to whom?"));
        }
        self.say("354 go ahead")?;
        let mail = self.mail()?;
        let envelope = self.envelope.take().unwrap_or_default();
        for recipient in &envelope.recipients {
            self.mailbox.keep(recipient, &mail)?;
        }
        Ok(if envelope.vanishes { Next::Vanish } else { Next::Say("250 kept") })
    }

    /// Reads up to the line with a single dot and takes back the dots that were added to lines that begin with one.
    fn mail(&mut self) -> io::Result<Vec<u8>> {
        let mut mail = Vec::new();
        loop {
            let line = self.line()?;
            if line == b".\r\n" {
                return Ok(mail);
            }
            mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    /// # Errors
    /// `UnexpectedEof` when the client has gone, also in the middle of a line.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line)?;
        if line.ends_with(b"\n") { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn say(&mut self, answer: &str) -> io::Result<()> {
        self.writer.write_all(format!("{answer}\r\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture(Mailbox);

    impl Fixture {
        fn new() -> Self {
            let name = format!("usher-mailbox-{}", uuid::Uuid::new_v4().simple());
            Self(Mailbox::new(std::env::temp_dir().join(name)))
        }

        /// What the server answers to `lines`, the first three characters of each answer's lines.
        fn talk(&self, lines: &[&str]) -> Vec<String> {
            let said = lines.join("\r\n") + "\r\n";
            let mut answers = Vec::new();
            let _ = Conversation::new(&self.0, said.as_bytes(), &mut answers).hold();
            String::from_utf8(answers).unwrap().lines().map(|line| line[..3].to_owned()).collect()
        }

        fn mails(&self, recipient: &str) -> Vec<String> {
            let folder = std::fs::read_dir(self.0.folder.join(recipient));
            let mut files: Vec<_> = folder.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
            files.sort();
            files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
        }
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0.folder);
        }
    }

    #[test]
    fn keeps_mails_in_order_without_the_added_dots() {
        let fixture = Fixture::new();
        let first =
            ["EHLO me", "MAIL FROM:<a@a.test>", "RCPT TO:<Mira@B.test>", "DATA", "..one", "line", "."];
        let second = ["MAIL FROM:<a@a.test>", "RCPT TO:<mira@b.test>", "DATA", "two", ".", "QUIT"];
        let answers = fixture.talk(&[first.as_slice(), &second].concat());
        let expected = [
            "220", "250", "250", "250", "250", "250", "250", "354", "250", "250", "250", "354", "250", "221",
        ];
        assert_eq!(answers, expected);
        assert_eq!(fixture.mails("mira@b.test"), [".one\r\nline\r\n", "two\r\n"]);
    }

    #[test]
    fn insists_on_the_order_of_commands() {
        let fixture = Fixture::new();
        let answers =
            fixture.talk(&["RCPT TO:<a@a.test>", "DATA", "MAIL FROM:<>", "DATA", "RSET", "DATA", "WHAT"]);
        assert_eq!(answers, ["220", "503", "503", "250", "503", "250", "503", "500"]);
    }

    #[test]
    fn is_difficult_when_the_recipient_says_so() {
        let fixture = Fixture::new();
        let to = |recipient| ["MAIL FROM:<a@a.test>", recipient, "DATA", "hello", ".", "QUIT"];
        assert_eq!(fixture.talk(&to("RCPT TO:<refuse-550@b.test>"))[..3], ["220", "250", "550"]);
        assert_eq!(fixture.talk(&to("RCPT TO:<defer-451.x@b.test>"))[..3], ["220", "250", "451"]);
        assert_eq!(fixture.talk(&to("RCPT TO:<defer-451.x@b.test>"))[..3], ["220", "250", "250"]);
        assert_eq!(fixture.talk(&to("RCPT TO:<vanish@b.test>")), ["220", "250", "250", "354"]);
        assert_eq!(fixture.mails("vanish@b.test"), ["hello\r\n"]);
    }

    #[test]
    fn forgets_a_mail_that_breaks_off() {
        let fixture = Fixture::new();
        fixture.talk(&["MAIL FROM:<a@a.test>", "RCPT TO:<mira@b.test>", "DATA", "half a mail"]);
        assert!(fixture.mails("mira@b.test").is_empty());
    }
}
