use sandbox::{Caller, Service};
use sea_orm::{ConnectionTrait as _, Statement};
use tonic::{Code, Status};
use usher_api::identity::{Connection, StartSingleSignOnRequest, StartSingleSignOnResponse};
use usher_runtime::Clock;
use uuid::Uuid;

use super::id;
use crate::support::oidc::{
    CLIENT_ID, Provider, REDIRECT_URI, connection, create, draft, finish, query_of, start,
};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields, throttled};
use crate::support::rows::database;
use crate::support::source::Source;
use crate::support::tree::managed;

/// How many sign-ins may be begun from one source in a minute, as the sandbox configures it.
const MOST_STARTS: usize = 300;

#[tokio::test]
async fn asks_for_a_code_with_a_challenge() {
    let (admin, provider) = (admin().await, Provider::real().await);
    let community = managed(&admin).await;
    let connection = connection(&admin, &community, &provider, &[]).await;
    let begun = start(&Caller::nobody(), &connection).await.unwrap();
    let query = query_of(&begun.authorization_uri);
    let expected = [
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", REDIRECT_URI),
        ("code_challenge_method", "S256"),
        ("state", &begun.state),
        ("scope", "openid email profile"),
    ];
    for (name, value) in expected {
        assert_eq!(query[name], value, "{name}");
    }
    assert!(begun.state.starts_with("usher_so_") && begun.state.len() == 52);
    assert_eq!((query["nonce"].len(), query["code_challenge"].len()), (43, 43));
    let other = query_of(&start(&Caller::nobody(), &connection).await.unwrap().authorization_uri);
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(query[name], other[name], "{name}");
    }
}

#[tokio::test]
async fn tells_that_the_provider_does_not_answer() {
    let (admin, provider) = (admin().await, Provider::real().await);
    let community = managed(&admin).await;
    // Nobody listens; somebody who calls himself otherwise; somebody who knows no OpenID Connect there.
    let elsewhere = provider.issuer.replace("127.0.0.1", "localhost");
    for issuer in ["http://127.0.0.1:9", &elsewhere, &format!("{}/inner", provider.issuer)] {
        let made = create(&admin, draft(&community, issuer, &[])).await.unwrap();
        let metadata =
            refused(start(&Caller::nobody(), &made).await, Code::Unavailable, "PROVIDER_UNAVAILABLE");
        assert_eq!(metadata["connection"], made.name);
    }
    // Not even in tests are private addresses called.
    let made = create(&admin, draft(&community, "https://10.0.0.1", &[])).await.unwrap();
    refused(start(&Caller::nobody(), &made).await, Code::Unavailable, "PROVIDER_UNAVAILABLE");
}

#[tokio::test]
async fn refuses_a_source_that_begins_too_often() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let made = create(&admin, draft(&community, "http://127.0.0.1:9", &[])).await.unwrap();
    let source = Source::new();
    begin_often(&source, &made, MOST_STARTS).await;
    let wait = throttled(from(&source, &made).await, "SIGN_IN_THROTTLED", "STARTS_FROM_SOURCE").as_secs();
    assert!((20..=60).contains(&wait), "{wait}");
    refused(from(&Source::new(), &made).await, Code::Unavailable, "PROVIDER_UNAVAILABLE");
}

#[tokio::test]
async fn what_was_finished_is_counted_on() {
    let (admin, provider) = (admin().await, Provider::real().await);
    let community = managed(&admin).await;
    let made = connection(&admin, &community, &provider, &[]).await;
    let source = Source::new();
    begin_often(&source, &made, MOST_STARTS - 1).await;
    let begun = from(&source, &made).await.unwrap();
    let answer = finish(&Caller::nobody(), &begun.state, "no code at all").await;
    refused(answer, Code::Unauthenticated, "PROVIDER_REFUSED");
    throttled(from(&source, &made).await, "SIGN_IN_THROTTLED", "STARTS_FROM_SOURCE");
}

/// Makes it known that `count` sign-ins were begun from `source` this moment.
async fn begin_often(source: &Source, connection: &Connection, count: usize) {
    let database = database(Service::Identity).await;
    let now = Clock::system().now();
    let sql = "INSERT INTO sign_on (state_hash, connection_id, sealed_secrets, source_range, create_time, expire_time) \
               VALUES ($1, $2, '', $3, $4, $4)";
    for _ in 0..count {
        let hash = Uuid::new_v4().as_bytes().to_vec();
        let range = source.address.trim_end_matches('1');
        let values = [hash.into(), id(&connection.name).into(), range.into(), now.0.into()];
        let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
        database.execute_raw(statement).await.expect("the row is written");
    }
}

/// Begins from an address, as the page does for people.
async fn from(source: &Source, connection: &Connection) -> Result<StartSingleSignOnResponse, Status> {
    let request = source.request(StartSingleSignOnRequest { connection: connection.name.clone() });
    source.page.identity().start_single_sign_on(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn tells_what_is_wrong() {
    let ask = |connection: &str| StartSingleSignOnRequest { connection: connection.to_owned() };
    let answer = Caller::nobody().identity().start_single_sign_on(ask("communities/x")).await;
    refused_fields(answer, &["connection"]);
    let unknown = format!("communities/{0}/connections/{0}", Uuid::new_v4());
    let answer = Caller::nobody().identity().start_single_sign_on(ask(&unknown)).await;
    refused(answer, Code::NotFound, "CONNECTION_NOT_FOUND");
}
