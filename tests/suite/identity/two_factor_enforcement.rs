//! Communities that ask for a second factor.

use sandbox::{Caller, until};
use tonic::Code;
use usher_api::community::{CommunitySettings, UpdateCommunitySettingsRequest};
use usher_api::identity::complete_authentication_request::Proof;
use usher_api::identity::{DisableTwoFactorRequest, GetTwoFactorRequest, SecondFactorChallenge};
use usher_api::invitation::{AcceptInvitationRequest, Registration};

use super::refresh;
use crate::community::may;
use crate::support::acts::{remove_member, suspend_member};
use crate::support::authenticator::Manner;
use crate::support::passkeys::{self, Holder, delete, register};
use crate::support::people::{PASSWORD, Person, TERMS, admin};
use crate::support::refusal::{reason, refused};
use crate::support::tree::{Tree, accept, allowed, grant, hand_over, invite, join, managed, mssp, token};
use crate::support::two_factor::{Enrolled, authenticate, challenge, complete, enrol_by, forget_codes};
use crate::support::{address, request_id};

pub async fn enforce(admin: &Person, community: &str) {
    let settings = CommunitySettings {
        name: format!("{community}/settings"),
        enforce_two_factor: true,
        ..CommunitySettings::default()
    };
    let request = UpdateCommunitySettingsRequest {
        settings: Some(settings),
        update_mask: None,
        request_id: request_id(),
    };
    admin.caller.community().update_community_settings(request).await.expect("the settings are right");
}

/// A community with an administrator of its own.
pub async fn own_place() -> (String, Person) {
    let admin = admin().await;
    let place = managed(&admin).await;
    let chief = hand_over(&admin, &place).await;
    (place, chief)
}

/// Waits until the identity service knows whether a second factor is asked of `person`.
pub async fn is_enforced(person: &Person, expected: bool) {
    until("the news arrives", || async {
        let request = GetTwoFactorRequest { name: "users/me/twoFactor".to_owned() };
        let answer = person.caller.identity().get_two_factor(request).await.expect("everybody sees his own");
        let told = answer.into_inner().two_factor.expect("it comes");
        (told.enforced == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_has_none_enrols_before_he_gets_in() {
    let (mira, (place, admin)) = (Person::new("mira").await, own_place().await);
    join(&admin, &place, &mira, vec![grant(&place, &["guest"])]).await;
    enforce(&admin, &place).await;
    is_enforced(&mira, true).await;
    let asked = challenge(&mira.email).await;
    assert!(asked.enrollment_required && asked.factors.is_empty());
    // Nothing that could be shown opens it.
    let answer = complete(&asked.token, Proof::TotpCode("123456".to_owned())).await;
    refused(answer, Code::Unauthenticated, "CHALLENGE_INVALID");
    let (app, answer) = enrol_by(&asked).await;
    assert_eq!(answer.credentials.unwrap().user, mira.name);
    assert_eq!(answer.backup_codes.len(), 10);
    forget_codes(&mira.name).await;
    let next = challenge(&mira.email).await;
    complete(&next.token, Proof::TotpCode(app.code(0))).await.unwrap();
    // The challenge to enrol has served.
    let again = usher_api::identity::StartTotpEnrollmentRequest {
        challenge_token: asked.token,
        ..Default::default()
    };
    let answer = Caller::nobody().identity().start_totp_enrollment(again).await;
    refused(answer, Code::Unauthenticated, "CHALLENGE_INVALID");
}

/// What a new guest is asked when he signs in, who registered to get into a community that asks for a second factor; and where that is.
async fn asked_of_a_guest() -> (SecondFactorChallenge, Tree, String) {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let admin = hand_over(&admin, &tree.root).await;
    let witness = Person::new("witness").await;
    join(&admin, &tree.root, &witness, vec![grant(&tree.root, &["guest"])]).await;
    enforce(&admin, &tree.root).await;
    // The rule is known; that the guest is to be a member there is told with the account.
    is_enforced(&witness, true).await;
    let email = address("guest");
    let invitation = invite(&admin, &tree.root, &email, vec![grant(&tree.inside[0], &["guest"])]).await;
    let registration = Registration {
        full_name: "Noor".to_owned(),
        password: PASSWORD.to_owned(),
        terms_version: TERMS.to_owned(),
        ..Registration::default()
    };
    let accept = AcceptInvitationRequest {
        token: token(&admin, &invitation.name).await,
        registration: Some(registration),
        ..AcceptInvitationRequest::default()
    };
    let answer = Caller::nobody().invitation().accept_invitation(accept).await.unwrap();
    assert!(answer.into_inner().enrollment_required);
    let asked = challenge(&email).await;
    assert!(asked.enrollment_required);
    (asked, tree, email)
}

#[tokio::test]
async fn a_guest_enrols_while_registering() {
    let (asked, tree, _) = asked_of_a_guest().await;
    let (_, answer) = enrol_by(&asked).await;
    let guest = answer.credentials.unwrap().user;
    assert!(may(&guest, &tree.inside[0], "members.list").await);
}

#[tokio::test]
async fn a_guest_may_register_a_passkey_instead() {
    let (asked, tree, email) = asked_of_a_guest().await;
    let (mut key, answer) = passkeys::enrol_by(&asked).await;
    let guest = answer.credentials.unwrap().user;
    assert_eq!(answer.backup_codes.len(), 10);
    assert!(may(&guest, &tree.inside[0], "members.list").await);
    // From then on it opens the account by itself, and is asked for after the password.
    assert_eq!(passkeys::sign_in(&mut key, &Manner::default()).await.unwrap().user, guest);
    let next = challenge(&email).await;
    assert!(!next.enrollment_required && !next.passkey_request_options.is_empty());
}

#[tokio::test]
async fn somebody_with_an_account_enrols_before_he_accepts() {
    let (place, admin) = own_place().await;
    let witness = Person::new("witness").await;
    join(&admin, &place, &witness, vec![grant(&place, &["guest"])]).await;
    enforce(&admin, &place).await;
    is_enforced(&witness, true).await;
    let mira = Person::new("mira").await;
    let invitation = invite(&admin, &place, &mira.email, vec![grant(&place, &["guest"])]).await;
    let link = token(&admin, &invitation.name).await;
    let by_name = AcceptInvitationRequest { name: invitation.name, ..AcceptInvitationRequest::default() };
    refused(accept(&mira, &link).await, Code::FailedPrecondition, "MFA_REQUIRED");
    let answer = mira.caller.invitation().accept_invitation(by_name).await;
    refused(answer, Code::FailedPrecondition, "MFA_REQUIRED");
    assert!(!allowed(&mira, &place, "communities.get").await);
    let mira = Enrolled::from(mira).await.person;
    accept(&mira, &link).await.unwrap();
    assert!(allowed(&mira, &place, "communities.get").await);
}

#[tokio::test]
async fn a_session_of_before_goes_on_once_he_has_enrolled() {
    let (mira, (place, admin)) = (Person::new("mira").await, own_place().await);
    join(&admin, &place, &mira, vec![grant(&place, &["guest"])]).await;
    enforce(&admin, &place).await;
    is_enforced(&mira, true).await;
    let refresh_token = mira.credentials.refresh_token.clone();
    for _ in 0..2 {
        refused(refresh(&refresh_token).await, Code::FailedPrecondition, "SECOND_FACTOR_REQUIRED");
    }
    Enrolled::from(mira).await;
    refresh(&refresh_token).await.expect("the token is as good as before");
}

#[tokio::test]
async fn it_cannot_be_disabled_while_a_community_asks_for_it() {
    let (mira, (place, admin)) = (Enrolled::new("mira").await.person, own_place().await);
    join(&admin, &place, &mira, vec![grant(&place, &["guest"])]).await;
    enforce(&admin, &place).await;
    is_enforced(&mira, true).await;
    let disable = async || {
        let request =
            DisableTwoFactorRequest { name: "users/me".to_owned(), current_password: PASSWORD.to_owned() };
        mira.caller.identity().disable_two_factor(request).await
    };
    let metadata = refused(disable().await, Code::FailedPrecondition, "TWO_FACTOR_ENFORCED");
    assert_eq!(metadata["user"], mira.name);
    suspend_member(&admin, &place, &mira.name).await;
    is_enforced(&mira, false).await;
    disable().await.expect("nobody asks for it");
}

#[tokio::test]
async fn what_is_above_asks_and_what_is_inside_only_whoever_reaches_it() {
    let (admin, inside, above) = (admin().await, Person::new("inside").await, Person::new("above").await);
    let tree = mssp(&admin, 2).await;
    let admin = hand_over(&admin, &tree.root).await;
    join(&admin, &tree.root, &inside, vec![grant(&tree.inside[0], &["guest"])]).await;
    join(&admin, &tree.root, &above, vec![grant(&tree.root, &["guest"])]).await;
    enforce(&admin, &tree.inside[1]).await;
    is_enforced(&above, true).await;
    is_enforced(&inside, false).await;
    assert!(authenticate(&inside.email, PASSWORD).await.unwrap().credentials.is_some());
    assert_eq!(
        reason(&refresh(&above.credentials.refresh_token).await.unwrap_err()),
        "SECOND_FACTOR_REQUIRED"
    );
    remove_member(&admin, &tree.root, &above.name).await;
    is_enforced(&above, false).await;
    enforce(&admin, &tree.root).await;
    is_enforced(&inside, true).await;
}

#[tokio::test]
async fn a_passkey_is_what_a_community_asks_for() {
    let (mira, (place, admin)) = (Person::new("mira").await, own_place().await);
    join(&admin, &place, &mira, vec![grant(&place, &["guest"])]).await;
    enforce(&admin, &place).await;
    is_enforced(&mira, true).await;
    let token = mira.credentials.refresh_token.clone();
    refused(refresh(&token).await, Code::FailedPrecondition, "SECOND_FACTOR_REQUIRED");
    let mut mira = Holder::from(mira).await;
    refresh(&token).await.expect("the token is as good as before");
    // By itself it counts as both.
    let alone = mira.sign_in().await.unwrap();
    refresh(&alone.refresh_token).await.unwrap();
    let answer = delete(&mira.person, &mira.passkey.name, PASSWORD).await;
    let metadata = refused(answer, Code::FailedPrecondition, "TWO_FACTOR_ENFORCED");
    assert_eq!(metadata["user"], mira.person.name);
    register(&mira.person, &Manner::default()).await.1.unwrap();
    delete(&mira.person, &mira.passkey.name, PASSWORD).await.expect("there is another one");
}

#[tokio::test]
async fn who_has_none_may_register_a_passkey_before_he_gets_in() {
    let (mira, (place, admin)) = (Person::new("mira").await, own_place().await);
    join(&admin, &place, &mira, vec![grant(&place, &["guest"])]).await;
    enforce(&admin, &place).await;
    is_enforced(&mira, true).await;
    let asked = challenge(&mira.email).await;
    assert!(asked.enrollment_required && asked.passkey_request_options.is_empty());
    let (mut key, answer) = passkeys::enrol_by(&asked).await;
    assert_eq!(answer.credentials.unwrap().user, mira.name);
    assert_eq!(answer.backup_codes.len(), 10);
    // The challenge has served.
    let again = usher_api::identity::StartPasskeyRegistrationRequest {
        challenge_token: asked.token,
        ..Default::default()
    };
    let answer = Caller::nobody().identity().start_passkey_registration(again).await;
    refused(answer, Code::Unauthenticated, "CHALLENGE_INVALID");
    let next = challenge(&mira.email).await;
    let shown = key.show(&next.passkey_request_options, &Manner::default());
    complete(&next.token, Proof::PasskeyCredential(shown)).await.unwrap();
}
