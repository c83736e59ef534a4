//! People with a second factor.

use sandbox::{Caller, Service};
use sea_orm::{ConnectionTrait as _, Statement};
use tonic::Status;
use totp_rs::Totp;
use usher_api::identity::complete_authentication_request::Proof;
use usher_api::identity::{
    AuthenticateRequest, AuthenticateResponse, CompleteAuthenticationRequest, CompleteAuthenticationResponse,
    ConfirmTotpEnrollmentRequest, ConfirmTotpEnrollmentResponse, SecondFactorChallenge,
    StartTotpEnrollmentRequest, StartTotpEnrollmentResponse,
};
use usher_runtime::Clock;
use uuid::Uuid;

use super::people::{PASSWORD, Person};
use super::rows::database;

/// An app that shows codes.
pub struct App(Totp);

impl App {
    /// One that has scanned the picture.
    pub fn reading(provisioning_uri: &str) -> Self {
        Self(Totp::from_url(provisioning_uri).expect("an app reads it"))
    }

    /// What it shows `steps` of 30 seconds from now.
    pub fn code(&self, steps: i64) -> String {
        let moment = Clock::system().now().unix_seconds() + steps * 30;
        self.0.generate(u64::try_from(moment).expect("it is after 1970")).to_string()
    }
}

/// Somebody who has enrolled.
pub struct Enrolled {
    pub person: Person,
    pub app: App,
    pub backup_codes: Vec<String>,
}

impl Enrolled {
    /// With a new account.
    pub async fn new(name: &str) -> Self {
        Self::from(Person::new(name).await).await
    }

    /// With the account of `person`.
    pub async fn from(person: Person) -> Self {
        let started = start(&person).await.expect("everybody may");
        let app = App::reading(&started.provisioning_uri);
        let answer = confirm(&person, &app.code(0)).await.expect("the code is right");
        forget_codes(&person.name).await;
        Self { person, app, backup_codes: answer.backup_codes }
    }

    /// Signs in with the password.
    pub async fn challenge(&self) -> SecondFactorChallenge {
        challenge(&self.person.email).await
    }

    /// Signs in with both factors.
    pub async fn sign_in(&self) -> Result<CompleteAuthenticationResponse, Status> {
        let challenge = self.challenge().await;
        let answer = complete(&challenge.token, Proof::TotpCode(self.app.code(0))).await;
        forget_codes(&self.person.name).await;
        answer
    }
}

/// Begins to enrol an app.
pub async fn start(person: &Person) -> Result<StartTotpEnrollmentResponse, Status> {
    let request = StartTotpEnrollmentRequest {
        name: person.name.clone(),
        current_password: PASSWORD.to_owned(),
        challenge_token: String::new(),
    };
    person.caller.identity().start_totp_enrollment(request).await.map(tonic::Response::into_inner)
}

/// Confirms the app.
pub async fn confirm(person: &Person, code: &str) -> Result<ConfirmTotpEnrollmentResponse, Status> {
    let request = ConfirmTotpEnrollmentRequest {
        name: person.name.clone(),
        totp_code: code.to_owned(),
        challenge_token: String::new(),
    };
    person.caller.identity().confirm_totp_enrollment(request).await.map(tonic::Response::into_inner)
}

/// Enrols an app as a challenge asks, and signs in by it.
pub async fn enrol_by(challenge: &SecondFactorChallenge) -> (App, ConfirmTotpEnrollmentResponse) {
    let request =
        StartTotpEnrollmentRequest { challenge_token: challenge.token.clone(), ..Default::default() };
    let started = Caller::nobody().identity().start_totp_enrollment(request).await;
    let app = App::reading(&started.expect("the challenge asks for it").into_inner().provisioning_uri);
    let request = ConfirmTotpEnrollmentRequest {
        challenge_token: challenge.token.clone(),
        totp_code: app.code(0),
        ..Default::default()
    };
    let answer = Caller::nobody().identity().confirm_totp_enrollment(request).await;
    (app, answer.expect("the code is right").into_inner())
}

/// Signs in with the password.
pub async fn authenticate(email: &str, password: &str) -> Result<AuthenticateResponse, Status> {
    let request = AuthenticateRequest {
        email: email.to_owned(),
        password: password.to_owned(),
        device: "Firefox on Linux".to_owned(),
    };
    Caller::nobody().identity().authenticate(request).await.map(tonic::Response::into_inner)
}

/// Signs in with the password, which must not be enough.
pub async fn challenge(email: &str) -> SecondFactorChallenge {
    let answer = authenticate(email, PASSWORD).await.expect("the password is right");
    assert_eq!(answer.credentials, None);
    answer.challenge.expect("more is asked for")
}

/// Answers a challenge.
pub async fn complete(token: &str, proof: Proof) -> Result<CompleteAuthenticationResponse, Status> {
    let request = CompleteAuthenticationRequest { challenge_token: token.to_owned(), proof: Some(proof) };
    Caller::nobody().identity().complete_authentication(request).await.map(tonic::Response::into_inner)
}

/// Makes it long ago that a code of the app was used, so that the one of this moment can be.
pub async fn forget_codes(user: &str) {
    let id: Uuid = user.trim_start_matches("users/").parse().expect("a name ends in an id");
    let database = database(Service::Identity).await;
    let sql = "UPDATE totp SET last_step = 0 WHERE account_id = $1";
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [id.into()]);
    database.execute_raw(statement).await.expect("the statement runs");
}
