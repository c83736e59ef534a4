mod changed_roles;

use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{GetCommunityRequest, Grant, GrantOutcome, Inheritance};
use usher_api::identity::{AuthenticateRequest, GetUserRequest, RefreshSessionRequest, User};
use usher_api::invitation::{
    AcceptInvitationRequest, AcceptInvitationResponse, GetInvitationRequest, Invitation, InvitationState,
    Registration, ResendInvitationRequest, ResolveInvitationTokenRequest, RevokeInvitationRequest,
};
use uuid::Uuid;

use self::changed_roles::confirm;

use crate::support::acts::set_roles;
use crate::support::address;
use crate::support::people::{PASSWORD, Person, TERMS, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::rows::unprove_mailbox;
use crate::support::tree::{
    accept, allowed, expired, grant, invite, join, managed, member, mssp, offer, token,
};

fn registration() -> Registration {
    Registration {
        full_name: "Noor Haddad".to_owned(),
        password: PASSWORD.to_owned(),
        terms_version: TERMS.to_owned(),
        ..Registration::default()
    }
}

async fn register(token: &str, registration: Registration) -> Result<AcceptInvitationResponse, Status> {
    let request = AcceptInvitationRequest {
        token: token.to_owned(),
        registration: Some(registration),
        ..AcceptInvitationRequest::default()
    };
    Caller::nobody().invitation().accept_invitation(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_new_person_registers_and_is_a_member() {
    let admin = admin().await;
    let (community, email) = (managed(&admin).await, address("guest"));
    let invitation = invite(&admin, &community, &email, vec![grant(&community, &["analyst"])]).await;
    let answer = register(&token(&admin, &invitation.name).await, registration()).await.unwrap();
    let accepted = answer.invitation.unwrap();
    assert_eq!(accepted.state(), InvitationState::Accepted);
    assert_eq!(accepted.grants[0].outcome(), GrantOutcome::Granted);
    let guest = Person::signed_in(&Caller::nobody(), &email, PASSWORD).await;
    assert_eq!(accepted.invitee, guest.name);
    assert!(allowed(&guest, &community, "communities.get").await);
    assert!(!allowed(&guest, &community, "invitations.create").await);
}

async fn account(guest: &Person) -> User {
    let request = GetUserRequest { name: "users/me".to_owned() };
    guest.caller.identity().get_user(request).await.unwrap().into_inner().user.unwrap()
}

#[tokio::test]
async fn whoever_registers_is_written_to_in_his_language() {
    let admin = admin().await;
    let (community, email) = (managed(&admin).await, address("guest"));
    let invitation = invite(&admin, &community, &email, vec![grant(&community, &["guest"])]).await;
    let french = Registration { locale: "FR_ca".to_owned(), ..registration() };
    register(&token(&admin, &invitation.name).await, french).await.unwrap();
    let guest = Person::signed_in(&Caller::nobody(), &email, PASSWORD).await;
    let seen = account(&guest).await;
    assert_eq!(
        (seen.locale.as_str(), seen.terms_version.as_str(), seen.email_verified),
        ("fr-CA", TERMS, true)
    );
}

#[tokio::test]
async fn whoever_does_not_say_his_language_is_written_to_in_that_of_his_invitation() {
    let admin = admin().await;
    let (community, email) = (managed(&admin).await, address("guest"));
    let mut request = offer(&community, &email, vec![grant(&community, &["guest"])]);
    request.invitation.as_mut().unwrap().locale = "es".to_owned();
    let made = admin.caller.invitation().create_invitation(request).await.unwrap().into_inner();
    register(&token(&admin, &made.invitation.unwrap().name).await, registration()).await.unwrap();
    let guest = Person::signed_in(&Caller::nobody(), &email, PASSWORD).await;
    assert_eq!(account(&guest).await.locale, "es");
}

#[tokio::test]
async fn an_account_that_nobody_proved_becomes_that_of_the_invited_person_and_loses_all_that_opened_it() {
    let (admin, thief) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    unprove_mailbox(&thief.name).await;
    let invitation = invite(&admin, &community, &thief.email, vec![grant(&community, &["guest"])]).await;
    let token = token(&admin, &invitation.name).await;
    // Whoever made it beforehand is not let in by it, even with the link.
    refused(accept(&thief, &token).await, Code::FailedPrecondition, "EMAIL_NOT_VERIFIED");
    let request = ResolveInvitationTokenRequest { token: token.clone() };
    let resolved = Caller::nobody().invitation().resolve_invitation_token(request).await.unwrap();
    assert!(!resolved.into_inner().account_exists, "the person registers");

    let other = Registration { password: "another long and quiet evening".to_owned(), ..registration() };
    let accepted = register(&token, other.clone()).await.unwrap().invitation.unwrap();
    assert_eq!(accepted.invitee, thief.name);
    let old = RefreshSessionRequest {
        refresh_token: thief.credentials.refresh_token.clone(),
        ..RefreshSessionRequest::default()
    };
    let answer = Caller::nobody().identity().refresh_session(old).await;
    refused(answer, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
    let sign_in = |password: &str| AuthenticateRequest {
        email: thief.email.clone(),
        password: password.to_owned(),
        ..AuthenticateRequest::default()
    };
    let answer = Caller::nobody().identity().authenticate(sign_in(PASSWORD)).await;
    refused(answer, Code::Unauthenticated, "CREDENTIALS_INVALID");
    let guest = Person::signed_in(&Caller::nobody(), &thief.email, &other.password).await;
    assert!(allowed(&guest, &community, "communities.get").await);
}

#[tokio::test]
async fn what_the_inviter_may_no_longer_give_is_an_outcome_and_the_rest_is_given() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let tree = mssp(&admin, 2).await;
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let inviter = Person::new("inviter").await;
    join(&admin, root, &inviter, vec![grant(one, &["admin"]), grant(two, &["admin"])]).await;
    let offer = vec![grant(one, &["admin"]), grant(two, &["guest"])];
    let invitation = invite(&inviter, root, &guest.email, offer).await;
    let token = token(&inviter, &invitation.name).await;
    // He still invites there, but holds less than the role.
    set_roles(&admin, one, &inviter.name, [("manage_member".to_owned(), Inheritance::Self_)]).await;
    let accepted = accept(&guest, &token).await.unwrap();
    let outcomes: Vec<_> = accepted.grants.iter().map(Grant::outcome).collect();
    assert_eq!(outcomes, [GrantOutcome::OverCeiling, GrantOutcome::Granted]);
    assert!(!allowed(&guest, one, "communities.get").await && allowed(&guest, two, "communities.get").await);
    assert_eq!(accept(&guest, &token).await.unwrap(), accepted);
    // Somebody who may can invite him there at once.
    invite(&admin, root, &guest.email, vec![grant(one, &["admin"])]).await;
}

#[tokio::test]
async fn a_repeated_registration_gets_the_same_answer() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    let token = token(&admin, &invitation.name).await;
    let (one, other) = tokio::join!(register(&token, registration()), register(&token, registration()));
    let third = register(&token, registration()).await.unwrap();
    assert_eq!((one.unwrap(), other.unwrap()), (third.clone(), third));

    let other_password =
        Registration { password: "another long and quiet evening".to_owned(), ..registration() };
    let answer = register(&token, other_password).await;
    refused(answer, Code::FailedPrecondition, "INVITATION_ALREADY_ACCEPTED");
}

#[tokio::test]
async fn everything_wrong_with_a_registration_is_told_at_once() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    let bad = Registration {
        full_name: " ".to_owned(),
        password: "short".to_owned(),
        terms_version: String::new(),
        locale: "german language".to_owned(),
    };
    let fields = [
        "registration.full_name",
        "registration.password",
        "registration.terms_version",
        "registration.locale",
    ];
    let token = token(&admin, &invitation.name).await;
    refused_fields(register(&token, bad).await, &fields);
    register(&token, registration()).await.unwrap();
}

#[tokio::test]
async fn the_name_of_the_community_is_no_password() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let request = GetCommunityRequest { name: community.clone() };
    let seen = admin.caller.community().get_community(request).await.unwrap().into_inner();
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    let token = token(&admin, &invitation.name).await;
    let weak = Registration { password: seen.community.unwrap().display_name, ..registration() };
    refused_fields(register(&token, weak).await, &["registration.password"]);
    register(&token, registration()).await.unwrap();
}

#[tokio::test]
async fn whoever_has_an_account_signs_in() {
    let (admin, guest) = (admin().await, Person::new("Guest").await);
    let community = managed(&admin).await;
    let spelled = guest.email.to_uppercase();
    let invitation = invite(&admin, &community, &spelled, vec![grant(&community, &["guest"])]).await;
    let token = token(&admin, &invitation.name).await;
    refused(register(&token, registration()).await, Code::FailedPrecondition, "ACCOUNT_EXISTS");
    let nobody = AcceptInvitationRequest { token: token.clone(), ..AcceptInvitationRequest::default() };
    let answer = Caller::nobody().invitation().accept_invitation(nobody).await;
    refused(answer, Code::Unauthenticated, "TOKEN_MISSING");
    let both = AcceptInvitationRequest {
        token: token.clone(),
        registration: Some(registration()),
        ..AcceptInvitationRequest::default()
    };
    refused_fields(guest.caller.invitation().accept_invitation(both).await, &["registration"]);
    refused_fields(confirm(&guest, &token, &"1".repeat(65)).await, &["confirmed_fingerprint"]);

    let accepted = accept(&guest, &token).await.unwrap();
    assert_eq!(accepted.invitee, guest.name);
    assert_eq!(accept(&guest, &token).await.unwrap(), accepted);
}

#[tokio::test]
async fn a_stranger_with_the_link_is_refused_and_the_invitation_stays() {
    let (admin, stranger) = (admin().await, Person::new("stranger").await);
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, "Mira@Guest.test", vec![grant(&community, &["guest"])]).await;
    let token = token(&admin, &invitation.name).await;
    let metadata = refused(accept(&stranger, &token).await, Code::PermissionDenied, "EMAIL_MISMATCH");
    assert_eq!(metadata["invited_email"], "M•••@G•••.test");
    assert!(!allowed(&stranger, &community, "communities.get").await);
    let request = GetInvitationRequest { name: invitation.name.clone() };
    let seen = admin.caller.invitation().get_invitation(request).await.unwrap().into_inner();
    assert_eq!(seen.invitation.unwrap(), invitation);
}

fn by_name(name: &str) -> AcceptInvitationRequest {
    AcceptInvitationRequest { name: name.to_owned(), ..AcceptInvitationRequest::default() }
}

async fn accept_by_name(caller: &Caller, name: &str) -> Result<Invitation, Status> {
    let answer = caller.invitation().accept_invitation(by_name(name)).await?;
    Ok(answer.into_inner().invitation.expect("it comes"))
}

#[tokio::test]
async fn the_invited_person_accepts_by_name_without_a_link() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let email = guest.email.to_uppercase();
    let name = invite(&admin, &community, &email, vec![grant(&community, &["guest"])]).await.name;
    let accepted = accept_by_name(&guest.caller, &name).await.unwrap();
    assert_eq!((accepted.state(), &accepted.invitee), (InvitationState::Accepted, &guest.name));
    assert!(allowed(&guest, &community, "communities.get").await);
    assert_eq!(accept_by_name(&guest.caller, &name).await.unwrap(), accepted);
}

#[tokio::test]
async fn by_name_nobody_else_learns_that_there_is_an_invitation() {
    let (admin, other) = (admin().await, Person::new("other").await);
    let community = managed(&admin).await;
    let name = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await.name;
    let unknown = format!("{community}/invitations/{}", Uuid::new_v4());
    for name in [&name, &unknown] {
        let answer = accept_by_name(&other.caller, name).await;
        assert!(refused(answer, Code::NotFound, "INVITATION_NOT_FOUND").is_empty());
    }
    // The id under another community is another name.
    let mine = invite(&admin, &community, &other.email, vec![grant(&community, &["guest"])]).await.name;
    let crossed = mine.replace(&community, &managed(&admin).await);
    refused(accept_by_name(&other.caller, &crossed).await, Code::NotFound, "INVITATION_NOT_FOUND");
    refused(accept_by_name(&Caller::nobody(), &mine).await, Code::Unauthenticated, "TOKEN_MISSING");
    unprove_mailbox(&other.name).await;
    let answer = accept_by_name(&other.caller, &mine).await;
    refused(answer, Code::FailedPrecondition, "EMAIL_NOT_VERIFIED");
    let all = AcceptInvitationRequest {
        token: "usher_inv_x".to_owned(),
        registration: Some(registration()),
        ..by_name("northwind")
    };
    let answer = other.caller.invitation().accept_invitation(all).await;
    refused_fields(answer, &["name", "token", "registration"]);
}

#[tokio::test]
async fn an_expired_invitation_lets_nobody_in() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let grants = vec![grant(&community, &["guest"])];
    let (_, token) = expired(&admin, &community, &guest.email, grants).await;
    refused(accept(&guest, &token).await, Code::FailedPrecondition, "INVITATION_EXPIRED");
    assert!(!allowed(&guest, &community, "communities.get").await);
}

#[tokio::test]
async fn an_invitation_ends_with_the_authority_of_whoever_made_it() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await;
    let token = token(&admin, &invitation.name).await;
    crate::support::rows::forget_member(&community, &admin.name).await;

    let metadata = refused(accept(&guest, &token).await, Code::FailedPrecondition, "INVITER_NOT_AUTHORIZED");
    assert_eq!(metadata["communities"], community);
    assert!(!allowed(&guest, &community, "communities.get").await);
    crate::support::rows::make_admin(&community, &admin.name).await;
    accept(&guest, &token).await.unwrap();
}

#[tokio::test]
async fn what_the_inviter_may_no_longer_give_an_administrator_issues_again_in_his_own_name() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let inviter = member(&admin, &community, &community, &["manage_member"]).await;
    let name = invite(&inviter, &community, &guest.email, vec![grant(&community, &["guest"])]).await.name;
    let token = token(&inviter, &name).await;
    set_roles(&admin, &community, &inviter.name, [("guest".to_owned(), Inheritance::Self_)]).await;
    refused(accept(&guest, &token).await, Code::FailedPrecondition, "INVITER_NOT_AUTHORIZED");
    let again = ResendInvitationRequest { name, ..ResendInvitationRequest::default() };
    admin.caller.invitation().resend_invitation(again).await.unwrap();
    assert_eq!(accept(&guest, &token).await.unwrap().inviter, admin.name);
}

#[tokio::test]
async fn several_communities_are_accepted_at_once_and_no_other() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let tree = mssp(&admin, 3).await;
    let two = vec![grant(&tree.inside[2], &["guest"]), grant(&tree.inside[0], &["analyst"])];
    let invitation = invite(&admin, &tree.root, &guest.email, two).await;
    let accepted = accept(&guest, &token(&admin, &invitation.name).await).await.unwrap();
    assert!(accepted.grants.iter().all(|grant| grant.outcome() == GrantOutcome::Granted));
    for (community, expected) in
        [(&tree.inside[0], true), (&tree.inside[1], false), (&tree.inside[2], true), (&tree.root, false)]
    {
        assert_eq!(allowed(&guest, community, "communities.get").await, expected);
    }
}

#[tokio::test]
async fn roles_that_the_person_has_are_said_to_be_held() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let tree = mssp(&admin, 1).await;
    join(&admin, &tree.root, &guest, vec![grant(&tree.inside[0], &["guest"])]).await;
    let offer = vec![
        grant(&tree.inside[0], &["guest"]),
        Grant { inheritance: Inheritance::Self_.into(), ..grant(&tree.root, &["guest"]) },
    ];
    let invitation = invite(&admin, &tree.root, &guest.email, offer).await;
    let accepted = accept(&guest, &token(&admin, &invitation.name).await).await.unwrap();
    let outcomes: Vec<_> = accepted.grants.iter().map(Grant::outcome).collect();
    assert_eq!(outcomes, [GrantOutcome::AlreadyHeld, GrantOutcome::Granted]);
}

#[tokio::test]
async fn of_accepting_and_revoking_at_once_one_wins() {
    let admin = admin().await;
    let community = managed(&admin).await;
    for _ in 0..8 {
        let guest = Person::new("guest").await;
        let invitation = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await;
        let token = token(&admin, &invitation.name).await;
        let request =
            RevokeInvitationRequest { name: invitation.name.clone(), ..RevokeInvitationRequest::default() };
        let mut revoker = admin.caller.at_replica(1).invitation();
        let (accepted, revoked) = tokio::join!(accept(&guest, &token), revoker.revoke_invitation(request));
        assert!(accepted.is_ok() != revoked.is_ok(), "{accepted:?} {revoked:?}");
        assert_eq!(allowed(&guest, &community, "communities.get").await, accepted.is_ok());
    }
}
