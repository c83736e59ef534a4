//! People with passkeys.

use sandbox::Caller;
use tonic::Status;
use usher_api::identity::complete_authentication_request::Proof;
use usher_api::identity::{
    Credentials, DeletePasskeyRequest, FinishPasskeyAuthenticationRequest, FinishPasskeyRegistrationRequest,
    FinishPasskeyRegistrationResponse, ListPasskeysRequest, Passkey, SecondFactorChallenge,
    StartPasskeyAuthenticationRequest, StartPasskeyAuthenticationResponse, StartPasskeyRegistrationRequest,
    StartPasskeyRegistrationResponse,
};

use super::authenticator::{Key, Manner};
use super::people::{PASSWORD, Person};
use super::request_id;
use super::source::Source;

/// Somebody who has a passkey.
pub struct Holder {
    pub person: Person,
    pub key: Key,
    pub passkey: Passkey,
    pub backup_codes: Vec<String>,
}

impl Holder {
    /// With a new account.
    pub async fn new(name: &str) -> Self {
        Self::from(Person::new(name).await).await
    }

    /// With the account of `person`.
    pub async fn from(person: Person) -> Self {
        let (key, answer) = register(&person, &Manner::default()).await;
        let answer = answer.expect("the passkey is right");
        Self { person, key, passkey: answer.passkey.expect("it comes"), backup_codes: answer.backup_codes }
    }

    /// Signs in with the passkey alone.
    pub async fn sign_in(&mut self) -> Result<Credentials, Status> {
        sign_in(&mut self.key, &Manner::default()).await
    }

    /// What the person shows when `challenge` asks for the passkey.
    pub fn answer(&mut self, challenge: &SecondFactorChallenge) -> Proof {
        Proof::PasskeyCredential(self.key.show(&challenge.passkey_request_options, &Manner::default()))
    }
}

/// Begins to register a passkey.
pub async fn start(person: &Person) -> Result<StartPasskeyRegistrationResponse, Status> {
    let request = StartPasskeyRegistrationRequest {
        name: person.name.clone(),
        current_password: PASSWORD.to_owned(),
        challenge_token: String::new(),
    };
    person.caller.identity().start_passkey_registration(request).await.map(tonic::Response::into_inner)
}

/// Finishes it with what the page sends.
pub async fn finish(
    person: &Person,
    token: &str,
    credential: &str,
) -> Result<FinishPasskeyRegistrationResponse, Status> {
    let request = FinishPasskeyRegistrationRequest {
        name: person.name.clone(),
        challenge_token: String::new(),
        registration_token: token.to_owned(),
        credential: credential.to_owned(),
        display_name: "Work laptop".to_owned(),
    };
    person.caller.identity().finish_passkey_registration(request).await.map(tonic::Response::into_inner)
}

/// Registers a passkey.
pub async fn register(
    person: &Person,
    manner: &Manner,
) -> (Key, Result<FinishPasskeyRegistrationResponse, Status>) {
    let started = start(person).await.expect("everybody may");
    let (key, answer) = Key::make(&started.creation_options, manner);
    let answer = finish(person, &started.registration_token, &answer).await;
    (key, answer)
}

/// Registers a passkey as a challenge asks, and signs in by it.
pub async fn enrol_by(challenge: &SecondFactorChallenge) -> (Key, FinishPasskeyRegistrationResponse) {
    let request =
        StartPasskeyRegistrationRequest { challenge_token: challenge.token.clone(), ..Default::default() };
    let started = Caller::nobody().identity().start_passkey_registration(request).await;
    let started = started.expect("the challenge asks for it").into_inner();
    let (key, answer) = Key::make(&started.creation_options, &Manner::default());
    let request = FinishPasskeyRegistrationRequest {
        challenge_token: challenge.token.clone(),
        registration_token: started.registration_token,
        credential: answer,
        display_name: "Phone".to_owned(),
        ..Default::default()
    };
    let answer = Caller::nobody().identity().finish_passkey_registration(request).await;
    (key, answer.expect("the passkey is right").into_inner())
}

/// Begins to sign in with a passkey, from a place of its own.
pub async fn ask() -> StartPasskeyAuthenticationResponse {
    ask_from(&Source::new()).await.expect("anybody may")
}

/// Begins to sign in with a passkey from `source`.
pub async fn ask_from(source: &Source) -> Result<StartPasskeyAuthenticationResponse, Status> {
    let request = source.request(StartPasskeyAuthenticationRequest {});
    source.page.identity().start_passkey_authentication(request).await.map(tonic::Response::into_inner)
}

/// Finishes it with what the page sends, from a place of its own.
pub async fn show(token: &str, credential: &str) -> Result<Credentials, Status> {
    let source = Source::new();
    let request = source.request(FinishPasskeyAuthenticationRequest {
        authentication_token: token.to_owned(),
        credential: credential.to_owned(),
        device: "Firefox on Linux".to_owned(),
    });
    let answer = source.page.identity().finish_passkey_authentication(request).await?.into_inner();
    Ok(answer.credentials.expect("they come"))
}

/// Signs in with the passkey alone.
pub async fn sign_in(key: &mut Key, manner: &Manner) -> Result<Credentials, Status> {
    let asked = ask().await;
    let credential = key.show(&asked.request_options, manner);
    show(&asked.authentication_token, &credential).await
}

/// The passkeys of `parent`, as `caller` sees them.
pub async fn list(caller: &Caller, parent: &str) -> Result<Vec<Passkey>, Status> {
    let request = ListPasskeysRequest { parent: parent.to_owned(), ..Default::default() };
    Ok(caller.identity().list_passkeys(request).await?.into_inner().passkeys)
}

/// Deletes a passkey.
pub async fn delete(person: &Person, name: &str, password: &str) -> Result<(), Status> {
    let request = DeletePasskeyRequest {
        name: name.to_owned(),
        current_password: password.to_owned(),
        etag: String::new(),
        request_id: request_id(),
    };
    person.caller.identity().delete_passkey(request).await.map(|_| ())
}
