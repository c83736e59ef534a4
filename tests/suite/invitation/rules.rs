//! What holds for invitations across RPCs, each rule by what it says.

use prost_types::Duration;
use tonic::{Code, Status};
use usher_api::community::{GetMemberRequest, Grant};
use usher_api::invitation::{
    CreateInvitationRequest, DeclineInvitationRequest, DeliveryState, GetInvitationRequest, Invitation,
    InvitationState, ListInvitationsRequest, ResendInvitationRequest, ResolveInvitationTokenRequest,
    RevokeInvitationRequest, UpdateInvitationRequest,
};

use crate::support::acts::member_name;
use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::rows::let_the_invitation_end;
use crate::support::tree::{accept, allowed, expired, grant, invite, managed, offer, token};

async fn get(person: &Person, name: &str) -> Invitation {
    let request = GetInvitationRequest { name: name.to_owned() };
    let answer = person.caller.invitation().get_invitation(request).await;
    answer.expect("he sees it").into_inner().invitation.expect("it comes")
}

async fn revoke(person: &Person, name: &str) -> Result<(), Status> {
    let request = RevokeInvitationRequest { name: name.to_owned(), ..RevokeInvitationRequest::default() };
    person.caller.invitation().revoke_invitation(request).await.map(drop)
}

async fn decline(token: String) -> Result<(), Status> {
    let request = DeclineInvitationRequest { token, ..DeclineInvitationRequest::default() };
    sandbox::Caller::nobody().invitation().decline_invitation(request).await.map(drop)
}

/// One invitation in each state, of as many people, each with his address. The first is that of `guest`, who accepted.
async fn one_of_each(
    admin: &Person,
    community: &str,
    guest: &Person,
) -> Vec<(InvitationState, String, String)> {
    let grants = || vec![grant(community, &["guest"])];
    let accepted = invite(admin, community, &guest.email, grants()).await;
    accept(guest, &token(admin, &accepted.name).await).await.expect("he accepts");
    let (declined, revoked, pending) = (
        invite(admin, community, &address("declined"), grants()).await,
        invite(admin, community, &address("revoked"), grants()).await,
        invite(admin, community, &address("pending"), grants()).await,
    );
    decline(token(admin, &declined.name).await).await.expect("it is declined");
    revoke(admin, &revoked.name).await.expect("it is revoked");
    let late = address("late");
    let (name, _) = expired(admin, community, &late, grants()).await;
    vec![
        (InvitationState::Accepted, accepted.name, accepted.email),
        (InvitationState::Declined, declined.name, declined.email),
        (InvitationState::Revoked, revoked.name, revoked.email),
        (InvitationState::Expired, name, late),
        (InvitationState::Pending, pending.name, pending.email),
    ]
}

#[tokio::test]
async fn only_what_can_be_accepted_blocks_another_invitation() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    for (state, name, email) in one_of_each(&admin, &community, &guest).await {
        // Who has accepted is a guest, and may be offered more.
        let again = offer(&community, &email, vec![grant(&community, &["analyst"])]);
        let answer = admin.caller.invitation().create_invitation(again).await;
        if state == InvitationState::Pending {
            let metadata = refused(answer, Code::AlreadyExists, "INVITATION_ALREADY_PENDING");
            assert_eq!(metadata["invitation"], name);
        } else {
            assert!(answer.is_ok(), "{state:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn each_state_is_listed_and_what_has_ended_is_kept_until_it_is_purged() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let list = async |states: &[InvitationState]| {
        let states = states.iter().map(|state| i32::from(*state)).collect();
        let request =
            ListInvitationsRequest { parent: community.clone(), states, ..ListInvitationsRequest::default() };
        admin.caller.invitation().list_invitations(request).await.unwrap().into_inner().invitations
    };
    let made = one_of_each(&admin, &community, &guest).await;
    for (state, name, _) in &made {
        let listed = list(&[*state]).await;
        assert_eq!(listed.iter().map(|it| &it.name).collect::<Vec<_>>(), [name], "{state:?}");
        assert!(!listed[0].purged && listed[0].purge_time.is_some(), "{state:?}");
    }
    assert_eq!(list(&[]).await.len(), made.len());
}

#[tokio::test]
async fn an_overdue_invitation_is_over_before_the_sweeper_comes_by() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    // Sometimes the sweeper is there first; not every time.
    for _ in 0..10 {
        let name = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await.name;
        let link = token(&admin, &name).await;
        let_the_invitation_end(&name).await;
        refused(accept(&guest, &link).await, Code::FailedPrecondition, "INVITATION_EXPIRED");
        refused(decline(link).await, Code::FailedPrecondition, "INVITATION_EXPIRED");
        refused(revoke(&admin, &name).await, Code::FailedPrecondition, "INVITATION_EXPIRED");
        let called = Invitation { name, display_name: "Ola".to_owned(), ..Invitation::default() };
        let update =
            UpdateInvitationRequest { invitation: Some(called), ..UpdateInvitationRequest::default() };
        let answer = admin.caller.invitation().update_invitation(update).await;
        refused(answer, Code::FailedPrecondition, "INVITATION_EXPIRED");
    }
    assert!(!allowed(&guest, &community, "communities.get").await);
}

#[tokio::test]
async fn whoever_accepted_gets_the_same_answer_again_and_nobody_else_does() {
    let (admin, guest, other) = (admin().await, Person::new("guest").await, Person::new("other").await);
    let community = managed(&admin).await;
    let name = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await.name;
    let link = token(&admin, &name).await;
    let first = accept(&guest, &link).await.unwrap();
    assert_eq!(accept(&guest, &link).await.unwrap(), first);
    refused(accept(&other, &link).await, Code::PermissionDenied, "EMAIL_MISMATCH");
    assert!(!allowed(&other, &community, "communities.get").await);
}

#[tokio::test]
async fn nobody_is_a_member_before_he_says_yes() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let name = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await.name;
    let link = token(&admin, &name).await;
    let resolve = ResolveInvitationTokenRequest { token: link.clone() };
    guest.caller.invitation().resolve_invitation_token(resolve).await.unwrap();
    let membership = || GetMemberRequest { name: member_name(&community, &guest.name) };
    assert!(!allowed(&guest, &community, "communities.get").await);
    let answer = admin.caller.community().get_member(membership()).await;
    refused(answer, Code::NotFound, "MEMBER_NOT_FOUND");
    accept(&guest, &link).await.unwrap();
    assert!(allowed(&guest, &community, "communities.get").await);
    admin.caller.community().get_member(membership()).await.unwrap();
}

#[tokio::test]
async fn all_links_have_the_one_end_that_sending_again_sets_anew() {
    let (admin, email) = (admin().await, address("guest"));
    let community = managed(&admin).await;
    let mut first = offer(&community, &email, vec![grant(&community, &["guest"])]);
    first.ttl = Some(Duration { seconds: 3_600, nanos: 0 });
    let answer = admin.caller.invitation().create_invitation(first).await.unwrap().into_inner();
    let invitation = answer.invitation.unwrap();
    let early = token(&admin, &invitation.name).await;
    let resend = ResendInvitationRequest {
        name: invitation.name.clone(),
        ttl: Some(Duration { seconds: 10_800, nanos: 0 }),
        ..ResendInvitationRequest::default()
    };
    let resent = admin.caller.invitation().resend_invitation(resend).await.unwrap().into_inner();
    let end = resent.invitation.unwrap().expire_time;
    assert!(end.unwrap().seconds >= invitation.expire_time.unwrap().seconds + 7_200);
    let late = token(&admin, &invitation.name).await;
    let resolve = async |link: &String| {
        let request = ResolveInvitationTokenRequest { token: link.clone() };
        let answer = sandbox::Caller::nobody().invitation().resolve_invitation_token(request).await?;
        Ok::<_, Status>(answer.into_inner().offer.unwrap().expire_time)
    };
    for link in [&early, &late] {
        assert_eq!(resolve(link).await.unwrap(), end);
    }
    let_the_invitation_end(&invitation.name).await;
    for link in [&early, &late] {
        refused(resolve(link).await, Code::FailedPrecondition, "INVITATION_EXPIRED");
    }
}

/// Invites by mail.
async fn mail(admin: &Person, community: &str, email: &str, grants: Vec<Grant>) -> Invitation {
    let request = CreateInvitationRequest { notify: None, ..offer(community, email, grants) };
    let answer = admin.caller.invitation().create_invitation(request).await;
    answer.expect("it is made").into_inner().invitation.expect("it comes")
}

#[tokio::test]
async fn an_invitation_is_made_whatever_becomes_of_its_mail() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let lost = mail(&admin, &community, &address("refuse-550"), vec![grant(&community, &["guest"])]).await;
    assert_eq!((lost.state(), lost.delivery_state()), (InvitationState::Pending, DeliveryState::Queued));
    let seen = sandbox::until("the mail is refused", || async {
        let seen = get(&admin, &lost.name).await;
        (seen.delivery_state() == DeliveryState::Failed).then_some(seen)
    })
    .await;
    assert_eq!((seen.state(), seen.etag), (InvitationState::Pending, lost.etag));
    token(&admin, &lost.name).await;
}
