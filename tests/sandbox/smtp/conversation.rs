//! One connection to the mail server: the commands of RFC 5321 that a client needs to deliver mail.

use std::collections::HashSet;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Offer;
use super::faults::{Act, Faults, Step};
use super::record::Record;
use super::script::Script;

/// The mails that were accepted, and who was seen before.
pub(super) struct Mailbox {
    folder: PathBuf,
    arrivals: AtomicU64,
    seen: Mutex<HashSet<String>>,
    faults: Faults,
    record: Record,
}

impl Mailbox {
    /// Mails in `folder`.
    pub(super) fn new(folder: PathBuf, faults: Faults, record: Record) -> Self {
        Self { folder, arrivals: AtomicU64::new(0), seen: Mutex::default(), faults, record }
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
pub(super) struct Conversation<'a, S> {
    mailbox: &'a Mailbox,
    offer: &'a Offer,
    stream: BufReader<S>,
    encrypted: bool,
    signed_in: bool,
    envelope: Option<Envelope>,
}

/// The mail that is under way, after MAIL.
struct Envelope {
    recipients: Vec<String>,
    vanishes: bool,
}

/// How a conversation ended that did not break off.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// For good.
    Over,
    /// To go on under TLS.
    ToEncrypt,
}

enum Next {
    Say(&'static str),
    End(&'static str),
    Encrypt(&'static str),
    /// All was said.
    Listen,
    Vanish,
}

impl<'a, S: Read + Write> Conversation<'a, S> {
    /// With a client at the other end of `stream`.
    pub(super) fn new(mailbox: &'a Mailbox, offer: &'a Offer, stream: S) -> Self {
        let stream = BufReader::new(stream);
        Self { mailbox, offer, stream, encrypted: offer.implicit, signed_in: false, envelope: None }
    }

    /// With one that was greeted before it was encrypted.
    pub(super) fn encrypted(mailbox: &'a Mailbox, offer: &'a Offer, stream: S) -> Self {
        Self { encrypted: true, ..Self::new(mailbox, offer, stream) }
    }

    /// Holds the conversation to its end.
    pub(super) fn hold(&mut self) -> io::Result<Ended> {
        // Who asked for encryption was greeted.
        if self.encrypted == self.offer.implicit {
            self.answer(Step::Greeting, "220 sandbox ESMTP")?;
        }
        loop {
            let line = self.line()?;
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            match self.next(&line)? {
                Next::Say(answer) => self.say(answer)?,
                Next::End(answer) => return self.say(answer).map(|()| Ended::Over),
                Next::Encrypt(answer) => return self.say(answer).map(|()| Ended::ToEncrypt),
                Next::Listen => {}
                Next::Vanish => return Ok(Ended::Over),
            }
        }
    }

    fn next(&mut self, line: &str) -> io::Result<Next> {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let step = match verb.as_str() {
            "EHLO" => Some(Step::Ehlo),
            "STARTTLS" => Some(Step::StartTls),
            "AUTH" => Some(Step::Auth),
            "MAIL" => Some(Step::Mail),
            "RCPT" => Some(Step::Rcpt),
            "DATA" => Some(Step::Data),
            "QUIT" => Some(Step::Quit),
            _ => None,
        };
        let act = step.and_then(|step| self.mailbox.faults.next(step));
        if let Some(answer) = self.carry_out(act)? {
            return Ok(Next::Say(answer));
        }
        Ok(match verb.as_str() {
            "EHLO" => self.begin(self.extensions()),
            "HELO" | "RSET" => self.begin("250 ok"),
            "STARTTLS" if self.offer.identity.is_some() && !self.encrypted => Next::Encrypt("220 go ahead"),
            "AUTH" => self.sign_in(line),
            "NOOP" => Next::Say("250 ok"),
            "MAIL" if self.offer.login.is_some() && !self.signed_in => Next::Say("530 sign in first"),
            "MAIL" if self.envelope.is_some() => Next::Say("503 one mail after the other"),
            "MAIL" => {
                self.envelope = Some(Envelope { recipients: Vec::new(), vanishes: false });
                Next::Say("250 ok")
            }
            "RCPT" => Next::Say(self.recipient(line)),
            "DATA" => self.data()?,
            "QUIT" => Next::End("221 bye"),
            _ => Next::Say("500 what?"),
        })
    }

    /// Does what a step meets, and returns what is said instead of the right answer.
    ///
    /// # Errors
    /// When nothing is said and the connection ends.
    fn carry_out(&mut self, act: Option<Act>) -> io::Result<Option<&'static str>> {
        match act {
            Some(Act::Say(answer)) => return Ok(Some(answer)),
            Some(Act::Drop) => return Err(io::ErrorKind::ConnectionAborted.into()),
            Some(Act::Silence) => {
                // Until the client has gone.
                io::copy(&mut self.stream, &mut io::sink())?;
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Some(Act::Delay(time)) => std::thread::sleep(time),
            Some(Act::Hold(gate)) => gate.pass(),
            None => {}
        }
        Ok(None)
    }

    fn answer(&mut self, step: Step, answer: &'static str) -> io::Result<()> {
        let act = self.mailbox.faults.next(step);
        let instead = self.carry_out(act)?;
        self.say(instead.unwrap_or(answer))
    }

    fn extensions(&self) -> &'static str {
        match (self.offer.identity.is_some() && !self.encrypted, self.offer.login.is_some()) {
            (true, _) => "250-sandbox\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 STARTTLS",
            (false, true) => "250-sandbox\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN",
            (false, false) => "250-sandbox\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 PIPELINING",
        }
    }

    fn begin(&mut self, answer: &'static str) -> Next {
        self.envelope = None;
        Next::Say(answer)
    }

    fn sign_in(&mut self, line: &str) -> Next {
        let Some((name, password)) = &self.offer.login else { return Next::Say("502 nobody need sign in") };
        let expected = BASE64_STANDARD.encode(format!("\0{name}\0{password}"));
        self.signed_in = line.split(' ').next_back() == Some(&*expected);
        Next::Say(if self.signed_in { "235 welcome" } else { "535 5.7.8 not so" })
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
        let Some(envelope) = self.envelope.take_if(|envelope| !envelope.recipients.is_empty()) else {
            return Ok(Next::Say("503 to whom?"));
        };
        self.say("354 go ahead")?;
        let (begun, mail) = self.mail()?;
        let act = self.mailbox.faults.next(Step::LastWord);
        if let Some(Act::Say(refusal)) = act
            && !refusal.starts_with('2')
        {
            return Ok(Next::Say(refusal));
        }
        let mut places = Vec::new();
        for recipient in &envelope.recipients {
            places.push(self.mailbox.record.add(recipient, &mail, begun));
            self.mailbox.keep(recipient, &mail)?;
        }
        let last_word = self.carry_out(act)?.unwrap_or("250 kept");
        if envelope.vanishes {
            return Ok(Next::Vanish);
        }
        self.say(last_word)?;
        for place in places {
            self.mailbox.record.tell(place);
        }
        Ok(Next::Listen)
    }

    /// Reads up to the line with a single dot and takes back the dots that were added to lines that begin with one. Tells when the
    /// first line came, too.
    fn mail(&mut self) -> io::Result<(Instant, Vec<u8>)> {
        let (mut begun, mut mail) = (None, Vec::new());
        loop {
            let line = self.line()?;
            let begun = *begun.get_or_insert_with(Instant::now);
            if mail.is_empty() {
                let act = self.mailbox.faults.next(Step::Body);
                self.carry_out(act)?;
            }
            if line == b".\r\n" {
                return Ok((begun, mail));
            }
            mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    /// # Errors
    /// `UnexpectedEof` when the client has gone, also in the middle of a line.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        if line.ends_with(b"\n") { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn say(&mut self, answer: &str) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(format!("{answer}\r\n").as_bytes())?;
        stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        mailbox: Mailbox,
        faults: Faults,
        record: Record,
    }

    /// A client that says everything at once, and what it hears.
    struct Client<'a>(&'a [u8], &'a mut Vec<u8>);

    impl Read for Client<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Client<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Fixture {
        fn new() -> Self {
            let name = format!("usher-mailbox-{}", uuid::Uuid::new_v4().simple());
            let (faults, record) = (Faults::default(), Record::default());
            let mailbox = Mailbox::new(std::env::temp_dir().join(name), faults.clone(), record.clone());
            Self { mailbox, faults, record }
        }

        /// What the server answers to `lines`, the first three characters of each answer's lines.
        fn talk(&self, lines: &[&str]) -> Vec<String> {
            self.talk_with(&Offer::default(), lines)
        }

        fn talk_with(&self, offer: &Offer, lines: &[&str]) -> Vec<String> {
            let said = lines.join("\r\n") + "\r\n";
            let mut answers = Vec::new();
            let client = Client(said.as_bytes(), &mut answers);
            let _ = Conversation::new(&self.mailbox, offer, client).hold();
            String::from_utf8(answers).unwrap().lines().map(|line| line[..3].to_owned()).collect()
        }

        fn mails(&self, recipient: &str) -> Vec<String> {
            let folder = std::fs::read_dir(self.mailbox.folder.join(recipient));
            let mut files: Vec<_> = folder.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
            files.sort();
            files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
        }
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.mailbox.folder);
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

    const MAIL: [&str; 5] =
        ["MAIL FROM:<a@a.test>", "RCPT TO:<mira@b.test>", "DATA", "Message-ID: <1@a>", "."];

    #[test]
    fn does_at_each_step_what_it_is_told_to() {
        let fixture = Fixture::new();
        fixture.faults.add(Step::Mail, Act::Say("421 later"), 1);
        assert_eq!(fixture.talk(&MAIL)[..2], ["220", "421"]);
        fixture.faults.add(Step::LastWord, Act::Say("450 later"), 1);
        assert_eq!(fixture.talk(&MAIL), ["220", "250", "250", "354", "450"]);
        fixture.faults.add(Step::Body, Act::Drop, 1);
        assert_eq!(fixture.talk(&MAIL), ["220", "250", "250", "354"]);
        assert_eq!(fixture.record.count(), 0);
        fixture.faults.add(Step::LastWord, Act::Drop, 1);
        assert_eq!(fixture.talk(&MAIL), ["220", "250", "250", "354"]);
        assert_eq!(fixture.talk(&MAIL), ["220", "250", "250", "354", "250"]);
        let taken = fixture.record.of("Mira@b.test");
        assert_eq!(taken.iter().map(|it| it.told).collect::<Vec<_>>(), [false, true]);
        assert!(taken.iter().all(|it| it.message_id == "<1@a>"));
        assert_eq!(fixture.mails("mira@b.test").len(), 2);
    }

    #[test]
    fn takes_nothing_from_those_who_do_not_sign_in() {
        let fixture = Fixture::new();
        let login = Some(("usher".to_owned(), "secret".to_owned()));
        let offer = Offer { login, ..Offer::default() };
        let right = format!("AUTH PLAIN {}", BASE64_STANDARD.encode("\0usher\0secret"));
        let lines = [MAIL[0], "AUTH PLAIN AHVzaGVyAGhtbQ==", MAIL[0], &right, MAIL[0]];
        assert_eq!(fixture.talk_with(&offer, &lines), ["220", "530", "535", "530", "235", "250"]);
    }
}
