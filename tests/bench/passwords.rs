//! What passwords cost, and whether accounts can be found out by how long the answers take.

use std::time::Duration;

use sandbox::{Caller, Description};
use tonic::{Code, Request};
use usher_api::identity::{AssessPasswordRequest, AuthenticateRequest, CreateUserRequest};
use uuid::Uuid;

use crate::alike::{Compared, compare};
use crate::measure::{Measured, measure};

const PASSWORD: &str = "a long and quiet evening";
/// A password with many readings of its stand-ins for letters, and the most bytes.
const LABORIOUS: &str = "({[<1!7abc";

/// How fast a password is judged, one at a time.
pub async fn assess(suite: &Description, time: Duration, laborious: bool) -> Measured {
    let client = Caller::nobody_at(suite).identity();
    let password: String =
        if laborious { LABORIOUS.chars().cycle().take(1_024).collect() } else { PASSWORD.to_owned() };
    let request = AssessPasswordRequest {
        password,
        email: "mira.okafor@example.test".to_owned(),
        full_name: "Mira Okafor".to_owned(),
        community_names: vec!["Blue Team".to_owned()],
    };
    measure(1, time, async |_| {
        client.clone().assess_password(request.clone()).await.expect("it answers");
    })
    .await
}

/// How long the refusal takes where the account exists and the password is wrong, and where there is no account. Each pair has an
/// account and a source of its own, since too many failures would lock one.
pub async fn sign_in_refusals(suite: &Description, pairs: usize) -> Compared {
    let mut accounts = Vec::new();
    for number in 0..pairs {
        let email = format!("known{number}@bench.test");
        create(suite, &email).await;
        accounts.push(email);
    }
    let page = Caller::nobody_at(suite).service("alerts");
    let refused = async |email: String, pair: usize| {
        let password = "not the password at all".to_owned();
        let mut request =
            Request::new(AuthenticateRequest { email, password, ..AuthenticateRequest::default() });
        let source = format!("2001:db8:0:{pair:x}::1").parse().expect("it is ASCII");
        request.metadata_mut().insert("usher-source-address", source);
        let answer = page.identity().authenticate(request).await;
        assert_eq!(answer.err().map(|status| status.code()), Some(Code::Unauthenticated));
    };
    compare(
        pairs,
        async |pair| refused(accounts[pair].clone(), pair).await,
        async |pair| refused(format!("other{pair}@bench.test"), pair).await,
    )
    .await
}

async fn create(suite: &Description, email: &str) {
    let request = CreateUserRequest {
        email: email.to_owned(),
        full_name: "Mira Okafor".to_owned(),
        password: PASSWORD.to_owned(),
        terms_version: "1".to_owned(),
        request_id: Uuid::new_v4().to_string(),
        ..CreateUserRequest::default()
    };
    let answer = Caller::nobody_at(suite).service("invitation").identity().create_user(request).await;
    answer.expect("the account is made");
}
