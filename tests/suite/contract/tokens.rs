//! Tokens that prove nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sandbox::{Caller, current};
use secrecy::ExposeSecret as _;
use tonic::Code;
use usher_api::community::{GetCommunityRequest, ListPermissionsRequest};
use usher_runtime::service_token::{Signer, generate_signing_key, read_signing_key};
use usher_runtime::{ApiKeySecret, Clock, Random, Timestamp};

use crate::support::keys::key;
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::tree::managed;

async fn refused_token(token: &str, reason: &str) {
    let mut client = Caller::nobody().bearing(token).community();
    refused(client.list_permissions(ListPermissionsRequest::default()).await, Code::Unauthenticated, reason);
}

fn signer(issuer: &str, audience: &str, clock: Clock) -> Signer {
    Signer::new(&read_signing_key(&current().tests_key).unwrap(), issuer, audience, clock).unwrap()
}

fn signed(signer: &Signer, service: &str) -> String {
    signer.sign(service).unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn a_service_token_must_fit_in_every_respect() {
    let good = signed(&signer("usher/tests", "usher", Clock::system()), "alerts");
    let answer =
        Caller::nobody().bearing(&good).community().list_permissions(ListPermissionsRequest::default()).await;
    assert!(answer.is_ok());

    refused_token(&signed(&signer("usher/tests", "somebody", Clock::system()), "alerts"), "TOKEN_INVALID")
        .await;
    refused_token(&signed(&signer("usher/nobody", "usher", Clock::system()), "alerts"), "TOKEN_INVALID")
        .await;
    refused_token(&signed(&signer("usher/tests", "usher", Clock::system()), "superuser"), "TOKEN_INVALID")
        .await;
    let long_ago = Clock::told_by(|| Timestamp(1_700_000_000_000_000));
    refused_token(&signed(&signer("usher/tests", "usher", long_ago), "alerts"), "TOKEN_EXPIRED").await;
    let other_key = generate_signing_key(&Random::system());
    let forged = Signer::new(&other_key, "usher/tests", "usher", Clock::system()).unwrap();
    refused_token(&signed(&forged, "alerts"), "TOKEN_INVALID").await;
}

#[tokio::test]
async fn a_token_that_was_touched_is_refused() {
    let person = Person::new("mira").await;
    let good = person.credentials.access_token;
    let parts: Vec<&str> = good.split('.').collect();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let promoted = claims.replace("\"platform_admin\":false", "\"platform_admin\":true");
    assert_ne!(claims, promoted);
    let promoted = URL_SAFE_NO_PAD.encode(promoted);
    let unsigned = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    for token in [
        format!("{}.{promoted}.{}", parts[0], parts[2]),
        format!("{unsigned}.{promoted}."),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}x", parts[0]),
        String::new(),
    ] {
        refused_token(&token, "TOKEN_INVALID").await;
    }
}

#[tokio::test]
async fn a_bad_token_is_refused_even_where_none_is_needed() {
    let mut client = Caller::nobody().bearing("nonsense").identity();
    let request = usher_api::identity::GetJsonWebKeysRequest::default();
    refused(client.get_json_web_keys(request).await, Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test]
async fn a_person_cannot_speak_for_another_by_the_header_of_services() {
    let (mira, noor) = (Person::new("mira").await, Person::new("noor").await);
    let crossed = mira.caller.on_behalf_of(&noor.credentials.access_token);
    let request = usher_api::identity::GetUserRequest { name: "users/me".to_owned() };
    let seen = crossed.identity().get_user(request).await.unwrap().into_inner();
    assert_eq!(seen.user.unwrap().name, mira.name);
}

#[tokio::test]
async fn an_api_key_must_be_one_that_was_made() {
    let admin = admin().await;
    let good = key(&admin, &managed(&admin).await, &["members.list"]).await.secret;
    let answer =
        Caller::nobody().bearing(&good).community().list_permissions(ListPermissionsRequest::default()).await;
    assert!(answer.is_ok());
    let never_made = ApiKeySecret::generate(&Random::system()).expose().to_owned();
    for token in [&good[..56], &format!("{good}A"), &good.to_uppercase(), "usher_ak_", &never_made] {
        refused_token(token, "TOKEN_INVALID").await;
    }
}

#[tokio::test]
async fn a_service_that_forwards_a_key_does_what_the_key_may() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let blind = key(&admin, &place, &["members.list"]).await;
    let get = || GetCommunityRequest { name: place.clone() };
    let service = Caller::nobody().service("alerts");
    service.community().get_community(get()).await.unwrap();
    let forwarding = service.on_behalf_of(&blind.secret);
    refused(forwarding.community().get_community(get()).await, Code::PermissionDenied, "PERMISSION_DENIED");
    // Nor is a key heard beside a person's own token.
    let crossed = admin.caller.on_behalf_of(&blind.secret);
    crossed.community().get_community(get()).await.unwrap();
}
