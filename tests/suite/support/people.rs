//! People with accounts.

use sandbox::{Caller, Description, current};
use usher_api::identity::{AuthenticateRequest, CreateUserRequest, Credentials};

use super::{address, request_id};

/// A password that the policy accepts.
pub const PASSWORD: &str = "a long and quiet evening";
/// The terms that everybody accepts.
pub const TERMS: &str = "2026-01";

/// Somebody with an account, signed in.
#[derive(Clone)]
pub struct Person {
    /// `users/{user}`.
    pub name: String,
    /// His address.
    pub email: String,
    /// What he signed in with.
    pub credentials: Credentials,
    /// Calls as him.
    pub caller: Caller,
}

impl Person {
    /// Makes an account for a new address, as the invitation service would.
    pub async fn new(name: &str) -> Self {
        Self::with_email(&Caller::nobody(), &address(name)).await
    }

    /// Makes an account for `email` at the suite that `anyone` calls.
    pub async fn with_email(anyone: &Caller, email: &str) -> Self {
        account_at(anyone, email, "Mira Okafor").await;
        Self::signed_in(anyone, email, PASSWORD).await
    }

    /// Signs in.
    pub async fn signed_in(anyone: &Caller, email: &str, password: &str) -> Self {
        let request = AuthenticateRequest {
            email: email.to_owned(),
            password: password.to_owned(),
            ..AuthenticateRequest::default()
        };
        let answer =
            anyone.identity().authenticate(request).await.expect("the password is right").into_inner();
        let credentials = answer.credentials.expect("credentials come");
        Self {
            name: credentials.user.clone(),
            email: email.to_owned(),
            caller: anyone.bearing(&credentials.access_token),
            credentials,
        }
    }
}

/// Makes an account whose person has never signed in, and returns `users/{user}`.
pub async fn account(email: &str, full_name: &str) -> String {
    account_at(&Caller::nobody(), email, full_name).await
}

async fn account_at(anyone: &Caller, email: &str, full_name: &str) -> String {
    let request = CreateUserRequest {
        email: email.to_owned(),
        full_name: full_name.to_owned(),
        password: PASSWORD.to_owned(),
        terms_version: TERMS.to_owned(),
        request_id: request_id(),
        ..CreateUserRequest::default()
    };
    let answer = anyone.service("invitation").identity().create_user(request).await;
    answer.expect("the account is made").into_inner().user.expect("it comes").name
}

/// The platform administrator of the running suite.
pub async fn admin() -> Person {
    admin_of(current()).await
}

/// The platform administrator of a suite that a test started itself.
pub async fn admin_of(suite: &Description) -> Person {
    Person::signed_in(&Caller::nobody_at(suite), &suite.admin_email, &suite.admin_password).await
}
