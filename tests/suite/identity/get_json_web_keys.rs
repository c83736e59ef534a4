use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use sandbox::{Caller, until};
use serde_json::Value as Json;
use tonic::Code;
use usher_runtime::Clock;

use super::forged_tokens::Forgery;
use super::{change_row, get, published};
use crate::support::people::Person;
use crate::support::refusal::refused;

#[tokio::test]
async fn publishes_the_keys_that_verify_access_tokens() {
    let mira = Person::new("mira").await;
    let token = &mira.credentials.access_token;
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::EdDSA, Some("at+jwt")));

    let keys = published().await;
    let key = keys.iter().find(|key| Some(&key.kid) == header.kid.as_ref()).expect("it is published");
    let kind = [&key.kty, &key.crv, &key.alg, &key.r#use];
    assert_eq!(kind, ["OKP", "Ed25519", "EdDSA", "sig"]);
    assert_eq!(URL_SAFE_NO_PAD.decode(&key.x).unwrap().len(), 32);
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["usher"]);
    validation.set_issuer(&["https://usher.test"]);
    let verifying = DecodingKey::from_ed_components(&key.x).unwrap();
    let decoded = jsonwebtoken::decode::<Json>(token, &verifying, &validation).unwrap();
    assert_eq!(decoded.claims["sub"], mira.name.trim_start_matches("users/"));
}

#[tokio::test]
async fn publishes_the_key_that_signs_each_time_and_first() {
    let signs = published().await.swap_remove(0);
    assert_eq!(published().await[0], signs);
    let token = Person::new("mira").await.credentials.access_token;
    assert_eq!(jsonwebtoken::decode_header(token).unwrap().kid, Some(signs.kid));
}

/// Waits until every verifier of the suite knows what became of the key: the token opens the account, or does not.
async fn until_believed(forgery: &Forgery, believed: bool) {
    until("the key is believed as it should be", || async {
        let answer = get(&Caller::nobody().bearing(&forgery.token()), "users/me").await;
        (answer.is_ok() == believed).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_is_believed_until_it_retires() {
    let forgery = Forgery::by_a_retiring_key().await;
    until_believed(&forgery, true).await;
    assert!(published().await.iter().any(|key| key.kid == forgery.kid()));

    let (now, kid) = (Clock::system().now().0, forgery.kid());
    change_row("UPDATE signing_key SET retire_time = $1 WHERE kid = $2", [now.into(), kid.into()]).await;
    assert!(published().await.iter().all(|key| key.kid != kid));
    until_believed(&forgery, false).await;
    let answer = get(&Caller::nobody().bearing(&forgery.token()), "users/me").await;
    refused(answer, Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test]
async fn a_key_that_was_revoked_is_believed_no_more() {
    let forgery = Forgery::by_a_retiring_key().await;
    until_believed(&forgery, true).await;

    let (now, kid) = (Clock::system().now().0, forgery.kid());
    change_row("UPDATE signing_key SET revoke_time = $1 WHERE kid = $2", [now.into(), kid.into()]).await;
    assert!(published().await.iter().all(|key| key.kid != kid));
    until_believed(&forgery, false).await;
    let answer = get(&Caller::nobody().bearing(&forgery.token()), "users/me").await;
    refused(answer, Code::Unauthenticated, "TOKEN_INVALID");
}
