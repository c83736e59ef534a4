use sandbox::{Caller, Service};
use sea_orm::{ConnectionTrait as _, Statement};
use tonic::{Code, Status};
use usher_api::identity::{CreateApiKeyRequest, RevokeApiKeyRequest, VerifyApiKeyRequest};
use usher_runtime::ApiKeySecret;
use uuid::Uuid;

use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::rows::database;

/// The community service, which keeps what keys may do.
pub fn community() -> Caller {
    Caller::nobody().service("community")
}

/// A name that no key has.
pub fn name() -> String {
    format!("communities/{}/apiKeys/{}", Uuid::new_v4(), Uuid::new_v4())
}

/// Makes a key that lives so long, in seconds.
pub async fn create(caller: &Caller, name: &str, seconds: Option<i64>) -> Result<String, Status> {
    let now = usher_runtime::Clock::system().now().unix_seconds();
    let expire_time = seconds.map(|seconds| prost_types::Timestamp { seconds: now + seconds, nanos: 0 });
    let request = CreateApiKeyRequest { name: name.to_owned(), expire_time };
    Ok(caller.identity().create_api_key(request).await?.into_inner().secret)
}

/// Whom the key stands for.
pub async fn verify(secret: &str) -> Result<String, Status> {
    let hash = ApiKeySecret::parse(secret).expect("it is a key").hash();
    let request = VerifyApiKeyRequest { hash };
    let answer = Caller::nobody().service("alerts").identity().verify_api_key(request).await?;
    Ok(answer.into_inner().principal)
}

#[tokio::test]
async fn the_same_name_gets_the_same_secret_until_it_is_used() {
    let (name, service) = (name(), community());
    let (one, other) = tokio::join!(create(&service, &name, None), create(&service, &name, None));
    let secret = one.unwrap();
    assert_eq!(secret, other.unwrap());
    assert_eq!(create(&community(), &name, None).await.unwrap(), secret);
    assert_eq!(verify(&secret).await.unwrap(), name);
    assert_eq!(create(&community(), &name, None).await.unwrap(), "");
    assert_eq!(verify(&secret).await.unwrap(), name);
}

#[tokio::test]
async fn another_owner_with_the_same_id_does_not_get_its_secret() {
    let name = name();
    create(&community(), &name, None).await.unwrap();
    let id = name.rsplit('/').next().unwrap();
    for owner in ["communities", "serviceAccounts"] {
        let other = format!("{owner}/{}/apiKeys/{id}", Uuid::new_v4());
        assert_eq!(create(&community(), &other, None).await.unwrap(), "");
    }
}

#[tokio::test]
async fn a_revoked_key_gets_no_secret_again() {
    let name = name();
    create(&community(), &name, None).await.unwrap();
    let request = RevokeApiKeyRequest { name: name.clone() };
    community().identity().revoke_api_key(request).await.unwrap();
    assert_eq!(create(&community(), &name, None).await.unwrap(), "");
}

#[tokio::test]
async fn only_its_hash_stays_and_until_it_is_used_the_secret_sealed() {
    let name = name();
    let secret = create(&community(), &name, None).await.unwrap();
    let database = database(Service::Identity).await;
    let id: Uuid = name.rsplit('/').next().unwrap().parse().unwrap();
    let sealed = async || {
        let sql = "SELECT hash, sealed_secret FROM api_key WHERE id = $1";
        let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [id.into()]);
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        assert_eq!(row.try_get::<Vec<u8>>("", "hash").unwrap(), ApiKeySecret::parse(&secret).unwrap().hash());
        row.try_get::<Option<String>>("", "sealed_secret").unwrap()
    };
    assert!(sealed().await.is_some_and(|sealed| !sealed.contains(&secret[9..])));
    verify(&secret).await.unwrap();
    assert_eq!(sealed().await, None);
}

#[tokio::test]
async fn is_for_the_community_service_alone() {
    let (admin, mira) = (admin().await, Person::new("mira").await);
    for caller in [&admin.caller, &mira.caller, &Caller::nobody().service("alerts")] {
        let answer = create(caller, &name(), None).await;
        refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
    refused_fields(create(&community(), "apiKeys/1", None).await, &["name"]);
}
