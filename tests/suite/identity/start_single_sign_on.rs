use sandbox::Caller;
use sandbox::Service;
use sea_orm::{ConnectionTrait as _, Statement};
use tonic::{Code, Request};
use usher_api::identity::{Connection, StartSingleSignOnRequest};
use uuid::Uuid;

use super::id;
use crate::support::oidc::{CLIENT_ID, Provider, REDIRECT_URI, connection, create, draft, query_of, start};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::rows::database;
use crate::support::tree::managed;

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
    let source = format!("2001:db8:{:x}::1", Uuid::new_v4().as_u128() as u16);
    let range = source.trim_end_matches('1');
    let database = database(Service::Identity).await;
    let now = usher_runtime::Clock::system().now().0;
    let values = (0..300).map(|number| {
        let hash = format!("{:064x}", Uuid::new_v4().as_u128() + number);
        let hash = if database.get_database_backend() == sea_orm::DbBackend::Postgres {
            format!("'\\x{hash}'")
        } else {
            format!("x'{hash}'")
        };
        let connection = match database.get_database_backend() {
            sea_orm::DbBackend::Postgres => format!("'{}'", id(&made.name)),
            _ => format!("x'{}'", id(&made.name).simple()),
        };
        format!("({hash}, {connection}, '', '{range}', {now}, {})", now + 600_000_000)
    });
    let sql = "INSERT INTO sign_on (state_hash, connection_id, sealed_secrets, source_range, create_time, expire_time) VALUES ";
    let sql = format!("{sql}{}", values.collect::<Vec<_>>().join(", "));
    database.execute_raw(Statement::from_string(database.get_database_backend(), sql)).await.unwrap();
    refused(from(&source, &made).await, Code::ResourceExhausted, "SIGN_IN_THROTTLED");
    let other = format!("2001:db8:{:x}:1::1", Uuid::new_v4().as_u128() as u16);
    refused(from(&other, &made).await, Code::Unavailable, "PROVIDER_UNAVAILABLE");
}

/// Begins from an address, as the page does for people.
async fn from(source: &str, connection: &Connection) -> Result<(), tonic::Status> {
    let mut request = Request::new(StartSingleSignOnRequest { connection: connection.name.clone() });
    request.metadata_mut().insert("usher-source-address", source.parse().expect("it is ASCII"));
    Caller::nobody().service("alerts").identity().start_single_sign_on(request).await.map(|_| ())
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
