use serde_json::Value;
use tonic::Code;

use crate::support::passkeys::{Holder, ask, ask_from};
use crate::support::refusal::refused;
use crate::support::source::Source;

#[tokio::test]
async fn tells_of_nobody_and_asks_for_the_person() {
    Holder::new("mira").await;
    let asked = ask().await;
    assert!(asked.authentication_token.starts_with("usher_pk_") && asked.expire_time.is_some());
    let options: Value = serde_json::from_str(&asked.request_options).unwrap();
    assert_eq!(options["rpId"], "usher.test");
    assert_eq!(options["allowCredentials"], Value::Array(Vec::new()));
    assert_eq!(options["userVerification"], "required");
    let other: Value = serde_json::from_str(&ask().await.request_options).unwrap();
    assert_ne!(options["challenge"], other["challenge"]);
}

#[tokio::test]
async fn a_source_begins_so_many_a_minute() {
    let source = Source::new();
    for _ in 0..60 {
        ask_from(&source).await.unwrap();
    }
    refused(ask_from(&source).await, Code::ResourceExhausted, "SIGN_IN_THROTTLED");
    ask().await;
}
