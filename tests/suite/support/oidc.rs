//! Identity providers, and people who sign in by them.

use std::collections::HashMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost_types::FieldMask;
use sandbox::process::Process;
use sandbox::{Caller, Service, current, ports, until};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Status;
use url::Url;
use url::form_urlencoded::Serializer;
use usher_api::community::{CreateConnectionRequest, UpdateConnectionRequest};
use usher_api::identity::{
    Connection, FinishSingleSignOnRequest, FinishSingleSignOnResponse, StartSingleSignOnRequest,
    StartSingleSignOnResponse,
};
use uuid::Uuid;

use super::people::Person;
use super::request_id;
use super::rows::database;

/// Where providers send people back to, as the sandbox configures it.
pub const REDIRECT_URI: &str = "https://usher.test/single-sign-on";
/// What providers know the identity service as, and by.
pub const CLIENT_ID: &str = "usher";
/// See [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "the client secret of the tests";

/// A running provider, a process of Node.js. Dropping it ends it.
pub struct Provider {
    /// The issuer.
    pub issuer: String,
    _process: Process,
}

/// Somebody whom a provider knows.
#[derive(Clone)]
pub struct Identity {
    /// What the provider calls him.
    pub subject: String,
    /// His address.
    pub email: String,
    /// Whether the provider says that it verified the address.
    pub email_verified: bool,
}

impl Identity {
    /// Somebody new with an address in `domain`.
    pub fn new(domain: &str) -> Self {
        let id = Uuid::new_v4().simple();
        Self { subject: id.to_string(), email: format!("mira.{id}@{domain}"), email_verified: true }
    }
}

/// A domain that nobody else has.
pub fn domain() -> String {
    format!("{}.test", Uuid::new_v4().simple())
}

impl Provider {
    /// A real one.
    pub async fn real() -> Self {
        Self::start("provider.js", &[CLIENT_ID, CLIENT_SECRET, REDIRECT_URI]).await
    }

    /// One that says what codes tell it to.
    pub async fn liar() -> Self {
        Self::start("liar.js", &[]).await
    }

    async fn start(script: &str, arguments: &[&str]) -> Self {
        let home = std::env::var("USHER_OIDC").expect("`tests/run` installs the providers");
        let script = Path::new(&home).join(script).to_string_lossy().into_owned();
        let port = ports::free().to_string();
        let name = format!("oidc-{port}");
        let command = [&["node", &script, &port], arguments].concat();
        let mut process = Process::start(&current().folder, &name, None, &command).expect("it starts");
        until("the provider is ready", || {
            process.assert_alive();
            let ready = process.log().contains("is ready");
            async move { ready.then_some(()) }
        })
        .await;
        Self { issuer: format!("http://127.0.0.1:{port}"), _process: process }
    }

    /// Signs `who` in at the real provider, and returns what it sends back in the URI.
    pub async fn walk(&self, begun: &StartSingleSignOnResponse, who: &Identity) -> HashMap<String, String> {
        let query = Serializer::new(String::new())
            .append_pair("url", &begun.authorization_uri)
            .append_pair("sub", &who.subject)
            .append_pair("email", &who.email)
            .append_pair("email_verified", &who.email_verified.to_string())
            .append_pair("name", "Mira Okafor")
            .finish();
        let answer = get(&self.issuer, &format!("/walk?{query}")).await;
        assert!(answer.starts_with(REDIRECT_URI), "{answer}");
        query_of(&answer)
    }
}

async fn get(origin: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(origin.trim_start_matches("http://")).await.expect("it listens");
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer.split_once("\r\n\r\n").expect("an answer has a body").1.to_owned()
}

/// The parameters of a URI.
pub fn query_of(uri: &str) -> HashMap<String, String> {
    Url::parse(uri).expect("it is a URI").query_pairs().into_owned().collect()
}

/// A code that makes the liar say `claims`, beside those of an honest one, signed by `key`.
pub fn lie(
    provider: &Provider,
    begun: &StartSingleSignOnResponse,
    who: &Identity,
    claims: &Json,
    key: &str,
) -> String {
    let now = usher_runtime::Clock::system().now().unix_seconds();
    let mut all = json!({
        "iss": provider.issuer,
        "aud": CLIENT_ID,
        "sub": who.subject,
        "email": who.email,
        "email_verified": who.email_verified,
        "nonce": query_of(&begun.authorization_uri)["nonce"],
        "iat": now,
        "exp": now + 300,
    });
    for (name, value) in claims.as_object().expect("claims are an object") {
        all[name] = value.clone();
    }
    let code = json!({"claims": all, "key": key, "secret": CLIENT_SECRET});
    URL_SAFE_NO_PAD.encode(code.to_string())
}

/// What a connection to `provider` is made of, believed for `domains`, whose people become guests of `community`.
pub fn draft(community: &str, provider: &str, domains: &[&str]) -> CreateConnectionRequest {
    let connection = Connection {
        display_name: "Example Corporation".to_owned(),
        issuer: provider.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        email_domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        default_role: format!("{community}/roles/guest"),
        ..Connection::default()
    };
    CreateConnectionRequest {
        parent: community.to_owned(),
        connection: Some(connection),
        client_secret: CLIENT_SECRET.to_owned(),
        request_id: request_id(),
    }
}

/// Makes such a connection.
pub async fn connection(
    admin: &Person,
    community: &str,
    provider: &Provider,
    domains: &[&str],
) -> Connection {
    create(admin, draft(community, &provider.issuer, domains)).await.expect("the connection is made")
}

/// Makes a connection.
pub async fn create(maker: &Person, request: CreateConnectionRequest) -> Result<Connection, Status> {
    let answer = maker.caller.community().create_connection(request).await?;
    Ok(answer.into_inner().connection.expect("it comes"))
}

/// Changes the fields of `mask`.
pub async fn update(maker: &Person, connection: &Connection, mask: &[&str]) -> Result<Connection, Status> {
    let paths = mask.iter().map(|path| (*path).to_owned()).collect();
    let request = UpdateConnectionRequest {
        connection: Some(connection.clone()),
        update_mask: Some(FieldMask { paths }),
        client_secret: String::new(),
        request_id: request_id(),
    };
    let answer = maker.caller.community().update_connection(request).await?;
    Ok(answer.into_inner().connection.expect("it comes"))
}

/// Begins to sign in.
pub async fn start(caller: &Caller, connection: &Connection) -> Result<StartSingleSignOnResponse, Status> {
    let request = StartSingleSignOnRequest { connection: connection.name.clone() };
    Ok(caller.identity().start_single_sign_on(request).await?.into_inner())
}

/// Ends to sign in.
pub async fn finish(caller: &Caller, state: &str, code: &str) -> Result<FinishSingleSignOnResponse, Status> {
    let request = FinishSingleSignOnRequest {
        state: state.to_owned(),
        code: code.to_owned(),
        device: "Firefox on Linux".to_owned(),
        ..FinishSingleSignOnRequest::default()
    };
    Ok(caller.identity().finish_single_sign_on(request).await?.into_inner())
}

/// Signs in at the real provider from beginning to end.
pub async fn sign_in(
    caller: &Caller,
    provider: &Provider,
    connection: &Connection,
    who: &Identity,
) -> Result<FinishSingleSignOnResponse, Status> {
    let begun = start(caller, connection).await?;
    let back = provider.walk(&begun, who).await;
    assert_eq!(back["state"], begun.state);
    finish(caller, &back["state"], &back["code"]).await
}

/// How many accounts have an address.
pub async fn accounts_of(email: &str) -> usize {
    use sea_orm::{ConnectionTrait as _, Statement};
    let database = database(Service::Identity).await;
    let sql = "SELECT id FROM account WHERE email_canonical = $1";
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [email.into()]);
    database.query_all_raw(statement).await.expect("the statement runs").len()
}
