//! The conversation with a mail server.
//!
//! lettre speaks the protocol. How long each step may take, and what an answer means for a mail, is decided here: lettre's
//! ready-made transport waits for ever once it is connected, puts a conversation that was given up back into its pool, and
//! does not tell whether a refusal is about us or about the mail.

mod pool;
mod server;
mod settings;
mod trouble;

use lettre::Message;
use lettre::address::Envelope;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter, ServerInfo};

use crate::config::{Patience, SmtpConfig};
use crate::mailer::Outcome;
use crate::warrant::Warrant;
use pool::{Connection, Pool};
use server::Server;
use trouble::{Trouble, within};

/// A mail server. Connections carry one mail after the other.
pub(crate) struct Smtp {
    server: Server,
    patience: Patience,
    pool: Pool,
}

impl Smtp {
    /// The server that `config` names, to which we are a host of `domain`.
    ///
    /// # Errors
    /// The setting that is missing or contradicts another.
    pub(crate) fn new(config: &SmtpConfig, domain: &str) -> Result<Self, String> {
        let server = Server::new(config, domain)?;
        Ok(Self { server, patience: config.patience.clone(), pool: Pool::default() })
    }

    /// Hands `letter` over if it still may leave when it comes to that.
    pub(crate) async fn send(&self, letter: &Message, warrant: &Warrant) -> Outcome {
        let (envelope, mail) = (letter.envelope(), letter.formatted());
        while let Some(connection) = self.pool.take() {
            match self.converse(connection, envelope, &mail, warrant).await {
                Conversation::Had(outcome) => return outcome,
                // The server had ended it before the mail was spoken of.
                Conversation::Over => {}
            }
        }
        let connection = match self.server.connect(&self.patience).await {
            Ok(connection) => Connection::new(connection),
            // No answer, no encryption, no sign-in: none of it is about the mail, whatever the code.
            Err(trouble) => return Outcome::Stopped(trouble.to_string()),
        };
        match self.converse(connection, envelope, &mail, warrant).await {
            Conversation::Had(outcome) => outcome,
            Conversation::Over => Outcome::Stopped("the mail server broke off".to_owned()),
        }
    }

    /// Ends connections that nobody needed for a while.
    pub(crate) fn tidy(&self) {
        self.pool.tidy();
    }

    /// Hands one mail over by `connection`, which then waits for the next if it can carry one.
    async fn converse(
        &self,
        mut connection: Connection,
        envelope: &Envelope,
        mail: &[u8],
        warrant: &Warrant,
    ) -> Conversation {
        let begun = self.begin(&mut connection.inner, envelope, mail).await;
        let handed_over = match begun {
            Ok(()) => self.finish(&mut connection.inner, envelope, mail, warrant).await,
            Err(Beginning::Refused(outcome)) => Err((outcome, true)),
            Err(Beginning::Failed(trouble)) if connection.is_used() && !trouble.is_answer() => {
                connection.end();
                return Conversation::Over;
            }
            Err(Beginning::Failed(trouble)) => {
                let goes_on = trouble.is_answer();
                Err((trouble.about_us(), goes_on))
            }
        };
        let (outcome, goes_on) = match handed_over {
            Ok(()) => (Outcome::Sent, true),
            // What was said about this mail must not be heard about the next.
            Err((outcome, true)) => {
                (outcome, within(self.patience.command, connection.inner.command(Rset)).await.is_ok())
            }
            Err((outcome, false)) => (outcome, false),
        };
        if goes_on {
            self.pool.give(connection);
        } else {
            connection.end();
        }
        Conversation::Had(outcome)
    }

    async fn begin(
        &self,
        connection: &mut AsyncSmtpConnection,
        envelope: &Envelope,
        mail: &[u8],
    ) -> Result<(), Beginning> {
        let parameters = parameters(connection.server_info(), envelope, mail).map_err(Beginning::Refused)?;
        let from = Mail::new(envelope.from().cloned(), parameters);
        within(self.patience.command, connection.command(from)).await.map_err(Beginning::Failed)?;
        Ok(())
    }

    /// The rest, after the server took the sender.
    ///
    /// # Errors
    /// What became of the mail instead, and whether the conversation can go on.
    async fn finish(
        &self,
        connection: &mut AsyncSmtpConnection,
        envelope: &Envelope,
        mail: &[u8],
        warrant: &Warrant,
    ) -> Result<(), (Outcome, bool)> {
        let Patience { command, last_word, .. } = self.patience;
        let judged = |judge: fn(Trouble) -> Outcome| {
            move |trouble: Trouble| {
                let goes_on = trouble.is_answer();
                (judge(trouble), goes_on)
            }
        };
        for recipient in envelope.to() {
            let to = Rcpt::new(recipient.clone(), Vec::new());
            within(command, connection.command(to)).await.map_err(judged(Trouble::about_the_recipient))?;
        }
        within(command, connection.command(Data)).await.map_err(judged(Trouble::about_the_mail))?;
        // Up to here nothing is sent, and the server may have taken its time.
        warrant.check().await.map_err(|outcome| (outcome, false))?;
        within(last_word, connection.message(mail)).await.map_err(judged(Trouble::about_the_mail))?;
        Ok(())
    }
}

/// What came of a conversation.
enum Conversation {
    Had(Outcome),
    /// It was over before it began.
    Over,
}

/// Why there was not even a sender.
enum Beginning {
    /// The server cannot take such a mail.
    Refused(Outcome),
    Failed(Trouble),
}

/// What has to be announced with the mail.
fn parameters(server: &ServerInfo, envelope: &Envelope, mail: &[u8]) -> Result<Vec<MailParameter>, Outcome> {
    let mut parameters = Vec::new();
    if !envelope.to().iter().all(|address| address.to_string().is_ascii()) {
        if !server.supports_feature(Extension::SmtpUtfEight) {
            let why = "the mail server takes no addresses with characters beyond ASCII";
            return Err(Outcome::Failed(why.to_owned()));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    // Only the address can hold such characters: everything else is encoded.
    if !mail.is_ascii() {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use tokio::time::Instant;

    use super::*;
    use crate::config::{Patience, Tls};
    use crate::lease::Lease;

    const GREETING: [&str; 2] = ["220 here", "250-here\r\n250 AUTH PLAIN"];

    fn config(host: &str, tls: Tls) -> SmtpConfig {
        SmtpConfig {
            host: host.to_owned(),
            port: None,
            tls,
            username: None,
            password: None,
            password_file: None,
            authority_file: None,
            patience: Patience::default(),
        }
    }

    fn letter(to: &str) -> Message {
        let builder = Message::builder().from("no-reply@usher.test".parse().unwrap()).to(to.parse().unwrap());
        builder.body("Hello".to_owned()).unwrap()
    }

    fn warrant() -> Warrant {
        Warrant::new(Lease::new(Instant::now(), Duration::from_mins(1)), None)
    }

    /// What becomes of a mail to a server that says these lines, one for each command, and then breaks off.
    async fn outcome(settings: SmtpConfig, to: &str, lines: &[&str]) -> Outcome {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lines: Vec<String> = lines.iter().map(|line| format!("{line}\r\n")).collect();
        tokio::spawn(async move {
            let mut stream = BufReader::new(listener.accept().await.unwrap().0);
            for line in lines {
                stream.write_all(line.as_bytes()).await.unwrap();
                let mut said = String::new();
                while stream.read_line(&mut said).await.unwrap() > 0 {
                    if !line.starts_with("354") || said.ends_with("\r\n.\r\n") {
                        break;
                    }
                }
            }
        });
        let server = Smtp::new(&SmtpConfig { port: Some(port), ..settings }, "usher.test").unwrap();
        server.send(&letter(to), &warrant()).await
    }

    async fn after_greeting(lines: &[&str]) -> Outcome {
        outcome(config("127.0.0.1", Tls::None), "mira@guest.test", &[&GREETING, lines].concat()).await
    }

    #[tokio::test]
    async fn a_mail_is_sent_when_the_server_says_so_last() {
        assert_eq!(after_greeting(&["250 ok", "250 ok", "354 go ahead", "250 kept"]).await, Outcome::Sent);
        let unknown = after_greeting(&["250 ok", "250 ok", "354 go ahead"]).await;
        assert!(matches!(unknown, Outcome::Deferred(_)), "{unknown:?}");
    }

    #[tokio::test]
    async fn a_refusal_of_the_mail_is_final_and_told_without_its_address() {
        for lines in [
            &["250 ok", "550 <mira@guest.test> unknown"][..],
            &["250 ok", "550 5.1.2 <mira@guest.test> unknown"],
            &["250 ok", "250 ok", "554 no valid recipients"],
            &["250 ok", "250 ok", "354 go ahead", "554 5.7.1 not this to <mira@guest.test>"],
        ] {
            let refused = after_greeting(lines).await;
            let Outcome::Failed(why) = &refused else { panic!("{lines:?}: {refused:?}") };
            assert!(why.contains("answered 55") && !why.contains("mira"), "{why}");
        }
    }

    #[tokio::test]
    async fn a_mailbox_that_does_not_exist_is_told_apart() {
        let refused = after_greeting(&["250 ok", "550 5.1.1 <mira@guest.test> unknown"]).await;
        assert_eq!(refused, Outcome::NoSuchMailbox("the mail server answered 550".to_owned()));
    }

    #[tokio::test]
    async fn a_refusal_for_now_is_not_final() {
        for lines in
            [&["451 later"][..], &["250 ok", "452 full"], &["250 ok", "250 ok", "354 go", "451 later"]]
        {
            assert!(matches!(after_greeting(lines).await, Outcome::Deferred(_)), "{lines:?}");
        }
    }

    #[tokio::test]
    async fn a_refusal_of_ours_drops_no_mail() {
        for lines in [&["550 5.7.1 sender not allowed"][..], &["250 ok", "530 sign in first"]] {
            assert!(matches!(after_greeting(lines).await, Outcome::Stopped(_)), "{lines:?}");
        }
        let plain = config("127.0.0.1", Tls::None);
        let turned_away = outcome(plain.clone(), "mira@guest.test", &["554 go away"]).await;
        assert_eq!(turned_away, Outcome::Stopped("the mail server answered 554".to_owned()));
        let named = SmtpConfig {
            username: Some("usher".to_owned()),
            password: Some("wrong".to_owned().into()),
            ..plain
        };
        let not_let_in = outcome(named, "mira@guest.test", &[&GREETING[..], &["535 no"]].concat()).await;
        assert_eq!(not_let_in, Outcome::Stopped("the mail server answered 535".to_owned()));
        let in_the_clear = outcome(config("127.0.0.1", Tls::StartTls), "mira@guest.test", &GREETING).await;
        assert!(matches!(in_the_clear, Outcome::Stopped(_)), "{in_the_clear:?}");
        let away = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let nowhere =
            Smtp::new(&SmtpConfig { port: Some(away), ..config("127.0.0.1", Tls::None) }, "usher.test");
        let nobody = nowhere.unwrap().send(&letter("mira@guest.test"), &warrant()).await;
        assert!(matches!(nobody, Outcome::Stopped(_)), "{nobody:?}");
    }

    /// What a server hears that takes `mails` mails, ending the connection after each `lasts` of them.
    async fn connections_for(mails: usize, lasts: usize, refused: &str) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let refused = refused.to_owned();
        let counted = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let begun = counted.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                begun.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let refused = refused.clone();
                tokio::spawn(async move {
                    let (mut stream, mut taken, mut line) = (BufReader::new(stream), 0, String::new());
                    stream.write_all(b"220 here\r\n").await.unwrap();
                    while taken < lasts && stream.read_line(&mut line).await.unwrap_or(0) > 0 {
                        let answer = match line.get(..4).unwrap_or_default() {
                            "RCPT" if line.contains(&refused) => "550 no\r\n",
                            "DATA" => "354 go\r\n",
                            "EHLO" | "MAIL" | "RCPT" | "RSET" => "250 ok\r\n",
                            _ if line == ".\r\n" => {
                                taken += 1;
                                "250 kept\r\n"
                            }
                            _ => "",
                        };
                        stream.write_all(answer.as_bytes()).await.unwrap();
                        line.clear();
                    }
                });
            }
        });
        let settings = SmtpConfig { port: Some(port), ..config("127.0.0.1", Tls::None) };
        let server = Smtp::new(&settings, "usher.test").unwrap();
        for number in 0..mails {
            let outcome = server.send(&letter(&format!("guest{number}@guest.test")), &warrant()).await;
            assert!(matches!(outcome, Outcome::Sent | Outcome::Failed(_)), "mail {number}: {outcome:?}");
        }
        counted.load(std::sync::atomic::Ordering::SeqCst)
    }

    #[tokio::test]
    async fn a_connection_carries_one_mail_after_the_other() {
        assert_eq!(connections_for(5, 100, "nobody").await, 1);
        assert_eq!(connections_for(5, 100, "guest1@").await, 1, "a refusal ends nothing");
        assert_eq!(connections_for(5, 2, "nobody").await, 3, "a server that ends connections is no trouble");
    }

    #[tokio::test]
    async fn an_address_that_the_server_cannot_take_is_not_bent() {
        let failed = outcome(config("127.0.0.1", Tls::None), "zoë@guest.test", &GREETING).await;
        assert!(matches!(failed, Outcome::Failed(_)), "{failed:?}");
    }

    #[test]
    fn mail_does_not_leave_the_machine_in_the_clear() {
        assert!(Smtp::new(&config("127.0.0.1", Tls::None), "usher.test").is_ok());
        let refused = Smtp::new(&config("mail.example", Tls::None), "usher.test").err().unwrap();
        assert!(refused.starts_with("notifier.smtp.tls"), "{refused}");
        assert!(Smtp::new(&config("mail.example", Tls::StartTls), "usher.test").is_ok());
    }

    #[test]
    fn a_password_needs_a_name_and_a_name_a_password() {
        let half = SmtpConfig { username: Some("usher".to_owned()), ..config("mail.example", Tls::StartTls) };
        assert!(Smtp::new(&half, "usher.test").err().unwrap().contains("notifier.smtp.password"));
    }
}
