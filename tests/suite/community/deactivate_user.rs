use sandbox::{Caller, until};
use tonic::{Code, Status};
use usher_api::community::{
    AccountState, CreateMemberRequest, DeactivateUserRequest, DeleteMemberRequest, GetMemberRequest, Member,
    MemberState, ReactivateMemberRequest, SuspendReason,
};
use usher_api::identity::{
    AuthenticateRequest, GetUserRequest, ListSessionsRequest, RefreshSessionRequest, UserState,
};
use usher_api::invitation::{GetInvitationRequest, InvitationState};

use super::{given, somebody};
use crate::support::acts::{deactivate_user, member_name};
use crate::support::people::{PASSWORD, Person, admin};
use crate::support::refusal::{reason, refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{accept, allowed, grant, invite, join, managed, member, mssp, token};

fn request(user: &str) -> DeactivateUserRequest {
    DeactivateUserRequest { user: user.to_owned(), request_id: request_id() }
}

async fn deactivate(caller: &Caller, request: DeactivateUserRequest) -> Result<AccountState, Status> {
    Ok(caller.community().deactivate_user(request).await?.into_inner().state())
}

async fn sign_in(email: &str, password: &str) -> Result<(), Status> {
    let request = AuthenticateRequest {
        email: email.to_owned(),
        password: password.to_owned(),
        ..AuthenticateRequest::default()
    };
    Caller::nobody().identity().authenticate(request).await.map(drop)
}

#[tokio::test]
async fn the_person_has_access_nowhere_any_more() {
    let admin = admin().await;
    let (place, tree) = (managed(&admin).await, mssp(&admin, 1).await);
    let mira = member(&admin, &place, &place, &["guest"]).await;
    join(&admin, &tree.root, &mira, vec![grant(&tree.root, &["analyst"])]).await;
    let state = deactivate(&admin.caller, request(&mira.name)).await.unwrap();
    assert_eq!(state, AccountState::Deactivated);
    for community in [&place, &tree.root, &tree.inside[0]] {
        assert!(!allowed(&mira, community, "communities.get").await, "{community}");
    }
    let request = GetMemberRequest { name: member_name(&place, &mira.name) };
    let seen = admin.caller.community().get_member(request).await.unwrap().into_inner().member.unwrap();
    assert_eq!((seen.state(), seen.suspend_reason()), (MemberState::Suspended, SuspendReason::Account));
}

#[tokio::test]
async fn sessions_end_and_the_right_password_learns_why() {
    let (admin, mira) = (admin().await, Person::new("mira").await);
    deactivate_user(&admin, &mira.name).await;
    until("the identity service knows", || async {
        let status = sign_in(&mira.email, PASSWORD).await.err()?;
        (reason(&status) == "USER_NOT_ACTIVE").then_some(())
    })
    .await;
    let wrong = sign_in(&mira.email, "not the password").await;
    refused(wrong, Code::Unauthenticated, "CREDENTIALS_INVALID");
    let refresh = RefreshSessionRequest {
        refresh_token: mira.credentials.refresh_token.clone(),
        request_id: request_id(),
    };
    let answer = Caller::nobody().identity().refresh_session(refresh).await;
    refused(answer, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
    let sessions = ListSessionsRequest { parent: mira.name.clone(), ..ListSessionsRequest::default() };
    let sessions = admin.caller.identity().list_sessions(sessions).await.unwrap().into_inner().sessions;
    assert!(sessions.is_empty(), "{sessions:?}");
    let user = GetUserRequest { name: mira.name.clone() };
    let user = admin.caller.identity().get_user(user).await.unwrap().into_inner().user.unwrap();
    assert_eq!(user.state(), UserState::Deactivated);
}

#[tokio::test]
async fn a_community_keeps_its_last_administrator_and_the_others_are_not_touched() {
    let admin = admin().await;
    let (lasting, other) = (managed(&admin).await, managed(&admin).await);
    let mira = member(&admin, &lasting, &lasting, &["admin"]).await;
    join(&admin, &other, &mira, vec![grant(&other, &["guest"])]).await;
    super::leave(&admin, &lasting).await;
    let answer = deactivate(&admin.caller, request(&mira.name)).await;
    let metadata = refused(answer, Code::FailedPrecondition, "LAST_ADMINISTRATOR");
    assert_eq!(metadata["community"], lasting);
    assert!(allowed(&mira, &other, "communities.get").await);
    sign_in(&mira.email, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn of_two_last_administrators_one_stays() {
    let admin = admin().await;
    for _ in 0..10 {
        let place = managed(&admin).await;
        let (one, other) = (
            member(&admin, &place, &place, &["admin"]).await,
            member(&admin, &place, &place, &["admin"]).await,
        );
        super::leave(&admin, &place).await;
        let (first, second) = tokio::join!(
            deactivate(&admin.caller, request(&one.name)),
            deactivate(&admin.caller, request(&other.name)),
        );
        let refusal = match (first, second) {
            (Ok(_), Err(status)) | (Err(status), Ok(_)) => status,
            both => panic!("{both:?}"),
        };
        refused::<()>(Err(refusal), Code::FailedPrecondition, "LAST_ADMINISTRATOR");
        let left =
            [allowed(&one, &place, "members.list").await, allowed(&other, &place, "members.list").await];
        assert_eq!(left.iter().filter(|left| **left).count(), 1);
    }
}

#[tokio::test]
async fn whoever_is_deactivated_while_he_removes_the_other_leaves_one() {
    let admin = admin().await;
    for _ in 0..10 {
        let place = managed(&admin).await;
        let (one, other) = (
            member(&admin, &place, &place, &["admin"]).await,
            member(&admin, &place, &place, &["admin"]).await,
        );
        super::leave(&admin, &place).await;
        let removal =
            DeleteMemberRequest { name: member_name(&place, &other.name), ..DeleteMemberRequest::default() };
        let mut client = one.caller.community();
        let (stopped, removed) =
            tokio::join!(deactivate(&admin.caller, request(&one.name)), client.delete_member(removal));
        let left = match (stopped, removed) {
            (Ok(_), removed) => {
                refused(removed, Code::PermissionDenied, "PERMISSION_DENIED");
                &other
            }
            (stopped, Ok(_)) => {
                refused(stopped, Code::FailedPrecondition, "LAST_ADMINISTRATOR");
                &one
            }
            both => panic!("{both:?}"),
        };
        assert!(allowed(left, &place, "members.list").await);
    }
}

#[tokio::test]
async fn he_becomes_a_member_nowhere() {
    let admin = admin().await;
    let (place, other) = (managed(&admin).await, managed(&admin).await);
    let mira = member(&admin, &place, &place, &["guest"]).await;
    let invitation = invite(&admin, &other, &mira.email, vec![grant(&other, &["guest"])]).await;
    let token = token(&admin, &invitation.name).await;
    deactivate_user(&admin, &mira.name).await;

    // His access token is good for a while.
    // The community service knows at once, and identity, which is asked before it, a moment later.
    let refusal = reason(&accept(&mira, &token).await.unwrap_err());
    assert!(["MEMBER_SUSPENDED", "USER_NOT_ACTIVE"].contains(&refusal.as_str()), "{refusal}");
    let direct = CreateMemberRequest {
        parent: other.clone(),
        member: Some(Member { user: mira.name.clone(), roles: given(&["guest"]), ..Member::default() }),
        ..CreateMemberRequest::default()
    };
    let answer = admin.caller.community().create_member(direct).await;
    let metadata = refused(answer, Code::FailedPrecondition, "USER_NOT_ACTIVE");
    assert_eq!(metadata["user"], mira.name);
    let back = ReactivateMemberRequest {
        name: member_name(&place, &mira.name),
        ..ReactivateMemberRequest::default()
    };
    let answer = admin.caller.community().reactivate_member(back).await;
    refused(answer, Code::FailedPrecondition, "USER_NOT_ACTIVE");
    assert!(!allowed(&mira, &other, "communities.get").await);
}

#[tokio::test]
async fn invitations_that_he_made_are_revoked() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mira = member(&admin, &place, &place, &["admin"]).await;
    let invitation = invite(&mira, &place, "guest-of-mira@guest.test", vec![grant(&place, &["guest"])]).await;
    deactivate_user(&admin, &mira.name).await;
    until("the invitation is revoked", || async {
        let request = GetInvitationRequest { name: invitation.name.clone() };
        let seen = admin.caller.invitation().get_invitation(request).await.ok()?.into_inner().invitation?;
        (seen.state() == InvitationState::Revoked).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_repeated_request_changes_once() {
    let (admin, mira) = (admin().await, Person::new("mira").await);
    let request = request(&mira.name);
    for _ in 0..2 {
        assert_eq!(deactivate(&admin.caller, request.clone()).await.unwrap(), AccountState::Deactivated);
    }
    let again = DeactivateUserRequest { request_id: request_id(), ..request };
    let metadata =
        refused(deactivate(&admin.caller, again).await, Code::FailedPrecondition, "USER_NOT_ACTIVE");
    assert_eq!(metadata["user"], mira.name);
}

#[tokio::test]
async fn is_for_platform_administrators_who_stay() {
    let (admin, mira) = (admin().await, Person::new("mira").await);
    let answer = deactivate(&admin.caller, request(&admin.name)).await;
    let metadata = refused(answer, Code::FailedPrecondition, "PLATFORM_ADMINISTRATOR");
    assert_eq!(metadata["user"], admin.name);
    refused(
        deactivate(&mira.caller, request(&mira.name)).await,
        Code::PermissionDenied,
        "CALLER_NOT_ALLOWED",
    );
    refused(deactivate(&Caller::nobody(), request(&mira.name)).await, Code::Unauthenticated, "TOKEN_MISSING");
    refused(deactivate(&admin.caller, request(&somebody())).await, Code::NotFound, "USER_NOT_FOUND");
    let wrong = DeactivateUserRequest { user: "mira".to_owned(), request_id: "42".to_owned() };
    refused_fields(deactivate(&admin.caller, wrong).await, &["user", "request_id"]);
}
