//! A mail server that speaks SMTP on a socket and keeps what it accepts as files, the same way as the embedded mailbox.
//!
//! The local part of a recipient tells it to be difficult: `refuse-550…` is refused for good, `defer-451…` is refused the first
//! time and accepted afterwards.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Where the server is.
#[derive(Clone)]
pub struct Smtp {
    /// Its port on the loopback address.
    pub port: u16,
    /// Holds `<recipient>/<n>.eml`.
    pub mailbox: PathBuf,
    deferred: Arc<Mutex<HashSet<String>>>,
}

impl Smtp {
    /// Serves for as long as the runtime lives.
    pub async fn start(mailbox: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        std::fs::create_dir_all(mailbox)?;
        let server = Self { port, mailbox: mailbox.to_owned(), deferred: Arc::default() };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = accepting.clone();
                // A client that breaks off is its own business.
                tokio::spawn(async move { server.converse(stream).await.ok() });
            }
        });
        Ok(server)
    }

    async fn converse(&self, stream: TcpStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        say(&mut stream, "220 sandbox ESMTP").await?;
        let mut recipients = Vec::new();
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let verb = line.trim_end().to_ascii_uppercase();
            let answer = match verb.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" => "250-sandbox\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 PIPELINING",
                "HELO" | "MAIL" | "NOOP" => "250 ok",
                "RSET" => {
                    recipients.clear();
                    "250 ok"
                }
                "RCPT" => self.recipient(&line, &mut recipients),
                "DATA" if recipients.is_empty() => "503 no recipient",
                "DATA" => {
                    say(&mut stream, "354 go ahead").await?;
                    let mail = read_mail(&mut stream).await?;
                    self.keep(&recipients, &mail)?;
                    recipients.clear();
                    "250 kept"
                }
                "QUIT" => return say(&mut stream, "221 bye").await,
                _ => "500 what?",
            };
            say(&mut stream, answer).await?;
        }
    }

    fn recipient(&self, line: &str, recipients: &mut Vec<String>) -> &'static str {
        let address = line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(address, _)| address);
        let Some(address) = address.map(str::to_lowercase) else { return "501 no address" };
        if address.starts_with("refuse-550") {
            return "550 5.1.1 nobody of that name";
        }
        let first = self.deferred.lock().is_ok_and(|mut seen| seen.insert(address.clone()));
        if address.starts_with("defer-451") && first {
            return "451 4.7.1 try again later";
        }
        recipients.push(address);
        "250 ok"
    }

    /// Written under another name first, so that nobody reads half a mail.
    fn keep(&self, recipients: &[String], mail: &str) -> io::Result<()> {
        for recipient in recipients {
            let folder = self.mailbox.join(recipient);
            std::fs::create_dir_all(&folder)?;
            let name = uuid::Uuid::new_v4().to_string();
            let unfinished = folder.join(format!("{name}.part"));
            std::fs::write(&unfinished, mail)?;
            std::fs::rename(unfinished, folder.join(format!("{name}.eml")))?;
        }
        Ok(())
    }
}

/// Reads up to the line with a single dot and takes back the dots that were added to lines that begin with one.
async fn read_mail(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut mail = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == ".\r\n" {
            return Ok(mail);
        }
        mail.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

async fn say(stream: &mut BufReader<TcpStream>, answer: &str) -> io::Result<()> {
    stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await
}
