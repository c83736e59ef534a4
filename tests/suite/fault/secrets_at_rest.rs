use std::path::{Path, PathBuf};

use sandbox::{Caller, Database, Description, Options, Suite, Topology, until};
use usher_api::community::GetCommunityRequest;
use usher_api::identity::complete_authentication_request::Proof;
use usher_api::identity::{
    AssessPasswordRequest, AuthenticateRequest, ChangePasswordRequest, CompleteAuthenticationRequest,
    ConfirmTotpEnrollmentRequest, FinishPasskeyAuthenticationRequest, FinishPasskeyRegistrationRequest,
    RefreshSessionRequest, RequestPasswordResetRequest, ResetPasswordRequest, ResetTwoFactorRequest,
    StartPasskeyAuthenticationRequest, StartPasskeyRegistrationRequest, StartTotpEnrollmentRequest,
};
use usher_api::invitation::{AcceptInvitationRequest, Registration};
use usher_api::notifier::RotateWebhookSecretRequest;

use super::new_folder;
use crate::support::authenticator::{Key, Manner};
use crate::support::endpoint::Endpoint;
use crate::support::keys::key;
use crate::support::mail::{Mail, mails};
use crate::support::people::{Person, TERMS, admin_of};
use crate::support::tree::{grant, managed, offer};
use crate::support::two_factor::App;
use crate::support::webhooks::{test_webhook, webhook};
use crate::support::{address, request_id};

const PASSWORD: &str = "nobody writes this sentence down";
const NEXT_PASSWORD: &str = "nor the one that comes after it";
const LAST_PASSWORD: &str = "and that is where it ended well";
const REJECTED_PASSWORD: &str = "a thought that came to nothing";

#[tokio::test]
async fn nothing_that_opens_a_door_is_in_logs_streams_or_databases() {
    let folder = new_folder();
    let mut suite = Suite::start(&folder, &Options::new(Database::Postgres, Topology::Apart)).await.unwrap();
    let email = address("guest");
    let mut secrets = join_by_mail(&suite, &email).await;
    for name in ["identity.pem", "community.pem", "invitation.pem", "notifier.pem", "seal.key"] {
        let text = std::fs::read_to_string(folder.join("keys").join(name)).unwrap();
        secrets.push(text.lines().find(|line| !line.starts_with("-----")).unwrap().to_owned());
    }
    // Everything in memory goes to the files.
    suite.processes.clear();
    suite.nats = None;
    suite.postgres = None;

    let mut looked_into = files(&folder.join("postgres"));
    looked_into.extend(files(&folder.join("nats")));
    looked_into
        .extend(files(&folder).into_iter().filter(|file| file.extension().is_some_and(|it| it == "log")));
    assert!(
        looked_into.iter().any(|file| holds(file, &email)),
        "the search must find what is known to be there"
    );
    for secret in &secrets {
        let found: Vec<_> = looked_into.iter().filter(|file| holds(file, secret)).collect();
        assert!(found.is_empty(), "`{}…` is in {found:?}", &secret[..12]);
    }
}

/// Plays an invitation from the mail to a refreshed session and returns every secret that was made on the way.
async fn join_by_mail(suite: &Suite, email: &str) -> Vec<String> {
    let admin = admin_of(&suite.description).await;
    let community = managed(&admin).await;
    let mut request = offer(&community, email, vec![grant(&community, &["guest"])]);
    request.notify = None;
    admin.caller.invitation().create_invitation(request).await.unwrap();
    let mail: Mail =
        until("the mail arrives", || async { mails(&suite.description.mailbox, email).pop() }).await;

    let registration = Registration {
        full_name: "Noor".to_owned(),
        password: PASSWORD.to_owned(),
        terms_version: TERMS.to_owned(),
        ..Registration::default()
    };
    let anyone = Caller::nobody_at(&suite.description);
    let accept = AcceptInvitationRequest {
        token: mail.token(),
        registration: Some(registration),
        ..AcceptInvitationRequest::default()
    };
    anyone.invitation().accept_invitation(accept).await.unwrap();
    let guest = Person::signed_in(&anyone, email, PASSWORD).await;
    let refresh = RefreshSessionRequest {
        refresh_token: guest.credentials.refresh_token.clone(),
        request_id: request_id(),
    };
    let fresh = anyone.identity().refresh_session(refresh).await.unwrap().into_inner().credentials.unwrap();
    let thought = AssessPasswordRequest { password: REJECTED_PASSWORD.to_owned(), ..Default::default() };
    anyone.identity().assess_password(thought).await.unwrap();
    let change = ChangePasswordRequest {
        name: "users/me".to_owned(),
        current_password: PASSWORD.to_owned(),
        new_password: NEXT_PASSWORD.to_owned(),
        request_id: request_id(),
    };
    guest.caller.identity().change_password(change).await.unwrap();
    let link = forget_password(suite, email).await;
    let mut secrets = two_steps(&suite.description, email).await;
    secrets.extend(give_keys(&admin, &community).await);
    secrets.extend(tell_endpoints(&admin, &community).await);
    secrets.extend([
        link,
        LAST_PASSWORD.to_owned(),
        mail.token(),
        PASSWORD.to_owned(),
        NEXT_PASSWORD.to_owned(),
        REJECTED_PASSWORD.to_owned(),
        guest.credentials.access_token,
        guest.credentials.refresh_token,
        fresh.access_token,
        fresh.refresh_token,
        admin.credentials.access_token,
        suite.description.admin_password.clone(),
    ]);
    secrets
}

/// Has an endpoint told what happens, by two secrets that sign, and returns them.
async fn tell_endpoints(admin: &Person, community: &str) -> [String; 2] {
    let endpoint = Endpoint::new().await;
    let (made, first) = webhook(admin, community, &endpoint.url, &["settings.*"]).await;
    let request = RotateWebhookSecretRequest {
        name: made.name.clone(),
        request_id: request_id(),
        ..RotateWebhookSecretRequest::default()
    };
    let second = admin.caller.notifier().rotate_webhook_secret(request).await.unwrap().into_inner().secret;
    test_webhook(admin, &made.name).await.unwrap();
    let post = endpoint.when("webhook.tested", 1).await.remove(0);
    assert!(post.signed_by(&first).1 && post.signed_by(&second).1);
    [first, second].map(|secret| secret.trim_start_matches("whsec_").to_owned())
}

/// Gives programs two keys, one of which is used, and returns their secrets.
async fn give_keys(admin: &Person, community: &str) -> [String; 2] {
    let used = key(admin, community, &["communities.get"]).await;
    let unused = key(admin, community, &["members.list"]).await;
    let name = community.to_owned();
    used.caller.community().get_community(GetCommunityRequest { name }).await.unwrap();
    [used.secret, unused.secret]
}

/// Has the password reset, and returns the secret of the link.
async fn forget_password(suite: &Suite, email: &str) -> String {
    let anyone = Caller::nobody_at(&suite.description);
    let forgot = RequestPasswordResetRequest { email: email.to_owned() };
    anyone.identity().request_password_reset(forgot).await.unwrap();
    let link = until("the link arrives", || async {
        let mails = mails(&suite.description.mailbox, email);
        mails.into_iter().find(|mail| mail.subject.contains("Choose a new password"))
    })
    .await;
    let reset = ResetPasswordRequest {
        token: link.token(),
        new_password: LAST_PASSWORD.to_owned(),
        request_id: request_id(),
        ..Default::default()
    };
    anyone.identity().reset_password(reset).await.unwrap();
    link.token()
}

/// Has somebody enrol an app, sign in by it, and recover, and returns every secret that was made on the way.
async fn two_steps(suite: &Description, email: &str) -> Vec<String> {
    let anyone = Caller::nobody_at(suite);
    let guest = Person::signed_in(&anyone, email, LAST_PASSWORD).await;
    let request = StartTotpEnrollmentRequest {
        name: guest.name.clone(),
        current_password: LAST_PASSWORD.to_owned(),
        ..Default::default()
    };
    let started = guest.caller.identity().start_totp_enrollment(request).await.unwrap().into_inner();
    let app = App::reading(&started.provisioning_uri);
    let request = ConfirmTotpEnrollmentRequest {
        name: guest.name.clone(),
        totp_code: app.code(0),
        ..Default::default()
    };
    let confirmed = guest.caller.identity().confirm_totp_enrollment(request).await.unwrap().into_inner();
    let request = AuthenticateRequest {
        email: email.to_owned(),
        password: LAST_PASSWORD.to_owned(),
        ..Default::default()
    };
    let challenge = anyone.identity().authenticate(request).await.unwrap().into_inner().challenge.unwrap();
    let request = CompleteAuthenticationRequest {
        challenge_token: challenge.token.clone(),
        proof: Some(Proof::BackupCode(confirmed.backup_codes[0].clone())),
    };
    anyone.identity().complete_authentication(request).await.unwrap();
    let passkeys = passkeys(&guest).await;
    let request = ResetTwoFactorRequest { name: guest.name.clone() };
    let reset = admin_of(suite).await.caller.identity().reset_two_factor(request).await.unwrap();
    let mut secrets = confirmed.backup_codes;
    secrets.extend([started.secret, challenge.token, reset.into_inner().recovery_code]);
    secrets.extend(passkeys);
    secrets
}

/// Has somebody register a passkey and sign in by it, and returns every secret that was made on the way.
async fn passkeys(guest: &Person) -> Vec<String> {
    let identity = || guest.caller.identity();
    let request = StartPasskeyRegistrationRequest {
        name: guest.name.clone(),
        current_password: LAST_PASSWORD.to_owned(),
        ..Default::default()
    };
    let started = identity().start_passkey_registration(request).await.unwrap().into_inner();
    let (mut key, credential) = Key::make(&started.creation_options, &Manner::default());
    let request = FinishPasskeyRegistrationRequest {
        name: guest.name.clone(),
        registration_token: started.registration_token.clone(),
        credential,
        display_name: "Phone".to_owned(),
        ..Default::default()
    };
    identity().finish_passkey_registration(request).await.unwrap();
    let ask = || StartPasskeyAuthenticationRequest {};
    let unused = identity().start_passkey_authentication(ask()).await.unwrap().into_inner();
    let asked = identity().start_passkey_authentication(ask()).await.unwrap().into_inner();
    let request = FinishPasskeyAuthenticationRequest {
        authentication_token: asked.authentication_token.clone(),
        credential: key.show(&asked.request_options, &Manner::default()),
        device: String::new(),
    };
    let opened = identity().finish_passkey_authentication(request).await.unwrap().into_inner();
    let credentials = opened.credentials.unwrap();
    vec![
        started.registration_token,
        asked.authentication_token,
        challenge_in(&unused.request_options),
        unused.authentication_token,
        credentials.access_token,
        credentials.refresh_token,
    ]
}

/// What an authenticator must sign.
fn challenge_in(options: &str) -> String {
    let options: serde_json::Value = serde_json::from_str(options).unwrap();
    options["challenge"].as_str().unwrap().to_owned()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn holds(file: &Path, text: &str) -> bool {
    let bytes = std::fs::read(file).unwrap_or_default();
    // What is no UTF-8 is replaced, and the secrets are ASCII; searching text is much faster than comparing windows.
    String::from_utf8_lossy(&bytes).contains(text)
}
