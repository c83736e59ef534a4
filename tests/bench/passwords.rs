//! What passwords cost, and whether accounts can be found out by how long the answers take.

use std::time::Duration;

use sandbox::{Caller, Description};
use tonic::{Code, Request};
use usher_api::identity::{
    AssessPasswordRequest, AuthenticateRequest, CreateUserRequest, RequestPasswordResetRequest,
};
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

/// How long the refusal takes where the account exists and the password is wrong, and where there is no account; the first one of an
/// address, and the one that locks it. Each pair has an account and a source of its own, since too many failures would lock one.
pub async fn sign_in_refusals(suite: &Description, pairs: usize, locking: bool) -> Compared {
    let kind = if locking { "locked" } else { "refused" };
    let known = accounts(suite, kind, pairs).await;
    let page = Caller::nobody_at(suite).service("alerts");
    let failure = async |email: &str, pair: usize| {
        let (email, password) = (email.to_owned(), "not the password at all".to_owned());
        let request = AuthenticateRequest { email, password, ..AuthenticateRequest::default() };
        let answer = page.identity().authenticate(from_source(request, pair)).await;
        assert_eq!(answer.err().map(|status| status.code()), Some(Code::Unauthenticated));
    };
    if locking {
        for (pair, known) in known.iter().enumerate() {
            for email in [known, &unknown(kind, pair)] {
                for _ in 0..4 {
                    failure(email, pair).await;
                }
            }
        }
    }
    compare(
        pairs,
        async |pair| failure(&known[pair], pair).await,
        async |pair| failure(&unknown(kind, pair), pair).await,
    )
    .await
}

/// How long it takes to ask for a link to reset the password, where there is an account and where there is none.
pub async fn reset_requests(suite: &Description, pairs: usize) -> Compared {
    let known = accounts(suite, "forgetful", pairs).await;
    let page = Caller::nobody_at(suite).service("alerts");
    let ask = async |email: String, pair: usize| {
        let request = from_source(RequestPasswordResetRequest { email }, pair);
        page.identity().request_password_reset(request).await.expect("everybody may ask");
    };
    compare(
        pairs,
        async |pair| ask(known[pair].clone(), pair).await,
        async |pair| ask(unknown("forgetful", pair), pair).await,
    )
    .await
}

/// `message` from a source of the pair's own.
fn from_source<M>(message: M, pair: usize) -> Request<M> {
    let mut request = Request::new(message);
    let source = format!("2001:db8:0:{pair:x}::1").parse().expect("it is ASCII");
    request.metadata_mut().insert("usher-source-address", source);
    request
}

/// The addresses of new accounts.
async fn accounts(suite: &Description, kind: &str, pairs: usize) -> Vec<String> {
    let mut addresses = Vec::new();
    for number in 0..pairs {
        let email = format!("{kind}.known{number}@bench.test");
        create(suite, &email).await;
        addresses.push(email);
    }
    addresses
}

/// An address without an account.
fn unknown(kind: &str, pair: usize) -> String {
    format!("{kind}.other{pair}@bench.test")
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
