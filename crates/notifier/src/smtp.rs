//! The conversation with a mail server.
//!
//! lettre speaks the protocol. How long each step may take, and what an answer means for a mail, is decided here: lettre's
//! ready-made transport waits for ever once it is connected, puts a conversation that was given up back into its pool, and
//! does not tell whether a refusal is about us or about the mail.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use lettre::Message;
use lettre::address::Envelope;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter, ServerInfo};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{SmtpConfig, Tls};
use crate::mailer::Outcome;

/// For an address of the server to answer.
const CONNECTING: Duration = Duration::from_secs(30);
/// For everything up to the first command about a mail. A server may take 5 minutes to greet (RFC 5321 §4.5.3.2.1).
const REACHING: Duration = Duration::from_mins(6);
/// For each command about a mail (§4.5.3.2.2 to 4).
const COMMAND: Duration = Duration::from_mins(5);
/// For the mail itself and the server's last word, which may take 10 minutes (§4.5.3.2.6). Giving up before it makes copies.
const LAST_WORD: Duration = Duration::from_mins(13);
const FAREWELL: Duration = Duration::from_secs(5);

/// A mail server. Each mail gets a connection of its own.
pub(crate) struct Smtp {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<Credentials>,
    /// How we introduce ourselves.
    hello: ClientId,
}

enum Encryption {
    None,
    StartTls(TlsParameters),
    Implicit(TlsParameters),
}

impl Smtp {
    /// The server that `config` names, to which we are a host of `domain`.
    ///
    /// # Errors
    /// The setting that is missing or contradicts another.
    pub(crate) fn new(config: &SmtpConfig, domain: &str) -> Result<Self, String> {
        let tls = || {
            TlsParameters::new(config.host.clone()).map_err(|error| format!("notifier.smtp.host: {error}"))
        };
        let (encryption, usual_port) = match config.tls {
            Tls::StartTls => (Encryption::StartTls(tls()?), 587),
            Tls::Implicit => (Encryption::Implicit(tls()?), 465),
            Tls::None if is_loopback(&config.host) => (Encryption::None, 25),
            Tls::None => {
                let host = &config.host;
                return Err(format!(
                    "notifier.smtp.tls: `none` is for a server on this machine, not for {host}"
                ));
            }
        };
        Ok(Self {
            host: config.host.clone(),
            port: config.port.unwrap_or(usual_port),
            encryption,
            credentials: credentials(config)?,
            hello: ClientId::Domain(domain.to_owned()),
        })
    }

    /// Hands `letter` over.
    pub(crate) async fn send(&self, letter: &Message) -> Outcome {
        let mut connection = match within(REACHING, self.connect()).await {
            Ok(connection) => connection,
            // No answer, no encryption, no sign-in: none of it is about the mail, whatever the code.
            Err(trouble) => return Outcome::Deferred(trouble.to_string()),
        };
        let outcome = hand_over(&mut connection, letter.envelope(), &letter.formatted()).await;
        // The farewell changes nothing, so nobody waits for it.
        tokio::spawn(async move { tokio::time::timeout(FAREWELL, connection.abort()).await });
        outcome.err().unwrap_or(Outcome::Sent)
    }

    /// Connects, encrypts and signs in.
    async fn connect(&self) -> Result<AsyncSmtpConnection, smtp::Error> {
        let implicit = match &self.encryption {
            Encryption::Implicit(tls) => Some(tls.clone()),
            Encryption::None | Encryption::StartTls(_) => None,
        };
        let server = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(CONNECTING), &self.hello, implicit, None)
                .await?;
        if let Encryption::StartTls(tls) = &self.encryption {
            connection.starttls(tls.clone(), &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}

/// Hands over one mail.
///
/// # Errors
/// What became of it instead.
async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    mail: &[u8],
) -> Result<(), Outcome> {
    let parameters = parameters(connection.server_info(), envelope, mail)?;
    let from = Mail::new(envelope.from().cloned(), parameters);
    // A server that refuses our address refuses every mail, until somebody corrects the settings.
    within(COMMAND, connection.command(from))
        .await
        .map_err(|trouble| Outcome::Deferred(trouble.to_string()))?;
    for recipient in envelope.to() {
        let to = Rcpt::new(recipient.clone(), Vec::new());
        within(COMMAND, connection.command(to)).await.map_err(Trouble::about_the_recipient)?;
    }
    within(COMMAND, connection.command(Data)).await.map_err(Trouble::about_the_mail)?;
    within(LAST_WORD, connection.message(mail)).await.map_err(Trouble::about_the_mail)?;
    Ok(())
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

/// Why a step did not succeed.
enum Trouble {
    Silence,
    Error(smtp::Error),
}

impl Trouble {
    /// What a refusal of the recipient means: some servers say clearly that there is no such mailbox (RFC 3463 §3.2).
    fn about_the_recipient(self) -> Outcome {
        let unknown = self.words().is_some_and(|words| words.starts_with("5.1.1 "));
        match self.about_the_mail() {
            Outcome::Failed(why) if unknown => Outcome::NoSuchMailbox(why),
            outcome => outcome,
        }
    }

    /// What the server wrote after the code. Never stored, never logged: it may repeat addresses.
    fn words(&self) -> Option<String> {
        match self {
            Self::Error(error) => std::error::Error::source(error).map(ToString::to_string),
            Self::Silence => None,
        }
    }

    /// What a step that speaks of the mail means for it. Some servers ask for a sign-in only here (RFC 4954 §6), which the
    /// mail cannot help.
    fn about_the_mail(self) -> Outcome {
        let code = match &self {
            Self::Error(error) if error.is_permanent() => error.status().map(u16::from),
            Self::Error(_) | Self::Silence => None,
        };
        match code {
            None | Some(530 | 534 | 535 | 538) => Outcome::Deferred(self.to_string()),
            Some(_) => Outcome::Failed(self.to_string()),
        }
    }
}

/// Without what the server wrote, which may repeat addresses.
impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => formatter.write_str("the mail server did not answer in time"),
            Self::Error(error) => match error.status() {
                Some(code) => write!(formatter, "the mail server answered {code}"),
                None if error.is_response() => {
                    formatter.write_str("the mail server broke off or made no sense")
                }
                None => write!(formatter, "the mail server cannot be talked to: {error}"),
            },
        }
    }
}

async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, smtp::Error>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(limit, step).await {
        Ok(result) => result.map_err(Trouble::Error),
        Err(_) => Err(Trouble::Silence),
    }
}

fn credentials(config: &SmtpConfig) -> Result<Option<Credentials>, String> {
    let password = match (&config.password, &config.password_file) {
        (Some(password), None) => Some(password.clone()),
        (None, Some(file)) => Some(read_password(file)?),
        (None, None) => None,
        (Some(_), Some(_)) => {
            return Err(
                "notifier.smtp.password and notifier.smtp.password_file exclude each other".to_owned()
            );
        }
    };
    match (&config.username, password) {
        (Some(username), Some(password)) => {
            Ok(Some(Credentials::new(username.clone(), password.expose_secret().to_owned())))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err("notifier.smtp.password is not set, but notifier.smtp.username is".to_owned()),
        (None, Some(_)) => Err("notifier.smtp.username is not set, but notifier.smtp.password is".to_owned()),
    }
}

fn read_password(file: &Path) -> Result<SecretString, String> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| format!("notifier.smtp.password_file: {}: {error}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned().into())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::*;

    const GREETING: [&str; 2] = ["220 here", "250-here\r\n250 AUTH PLAIN"];

    fn config(host: &str, tls: Tls) -> SmtpConfig {
        SmtpConfig {
            host: host.to_owned(),
            port: None,
            tls,
            username: None,
            password: None,
            password_file: None,
        }
    }

    fn letter(to: &str) -> Message {
        let builder = Message::builder().from("no-reply@usher.test".parse().unwrap()).to(to.parse().unwrap());
        builder.body("Hello".to_owned()).unwrap()
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
        server.send(&letter(to)).await
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
            assert!(matches!(after_greeting(lines).await, Outcome::Deferred(_)), "{lines:?}");
        }
        let plain = config("127.0.0.1", Tls::None);
        let turned_away = outcome(plain.clone(), "mira@guest.test", &["554 go away"]).await;
        assert_eq!(turned_away, Outcome::Deferred("the mail server answered 554".to_owned()));
        let named = SmtpConfig {
            username: Some("usher".to_owned()),
            password: Some("wrong".to_owned().into()),
            ..plain
        };
        let not_let_in = outcome(named, "mira@guest.test", &[&GREETING[..], &["535 no"]].concat()).await;
        assert_eq!(not_let_in, Outcome::Deferred("the mail server answered 535".to_owned()));
        let in_the_clear = outcome(config("127.0.0.1", Tls::StartTls), "mira@guest.test", &GREETING).await;
        assert!(matches!(in_the_clear, Outcome::Deferred(_)), "{in_the_clear:?}");
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
