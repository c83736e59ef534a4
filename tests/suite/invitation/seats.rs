//! Seats, from the invitation to the membership.

use futures::future::join_all;
use prost_types::Duration;
use sandbox::until;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use usher_api::community::{CommunitySettings, GrantOutcome};
use usher_api::invitation::{
    CreateInvitationResponse, GetInvitationRequest, Invitation, InvitationState, ResendInvitationRequest,
    RevokeInvitationRequest,
};

use crate::support::acts::set_community;
use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::tree::{accept, grant, invite, managed, member, offer, token};

/// A community that has `free` seats beside the one of its administrator.
async fn place_with(admin: &Person, free: i32) -> String {
    let place = managed(admin).await;
    set_limit(admin, &place, free + 1).await;
    place
}

async fn set_limit(admin: &Person, place: &str, seat_limit: i32) {
    let settings = CommunitySettings { seat_limit, ..CommunitySettings::default() };
    set_community(admin, place, settings).await;
}

async fn ask(
    inviter: &Person,
    place: &str,
    email: &str,
) -> Result<tonic::Response<CreateInvitationResponse>, Status> {
    let request = offer(place, email, vec![grant(place, &["guest"])]);
    inviter.caller.invitation().create_invitation(request).await
}

async fn revoke(admin: &Person, name: &str) {
    let request = RevokeInvitationRequest { name: name.to_owned(), ..RevokeInvitationRequest::default() };
    admin.caller.invitation().revoke_invitation(request).await.expect("it is revoked");
}

async fn resend(admin: &Person, name: &str, seconds: Option<i64>) -> Result<Invitation, Status> {
    let ttl = seconds.map(|seconds| Duration { seconds, nanos: 0 });
    let request = ResendInvitationRequest { name: name.to_owned(), ttl, ..Default::default() };
    let answer = admin.caller.invitation().resend_invitation(request).await?;
    Ok(answer.into_inner().invitation.unwrap_or_default())
}

/// Waits until a seat is free, and takes it.
async fn take_the_free_seat(admin: &Person, place: &str) -> Invitation {
    until("a seat comes free", || async {
        ask(admin, place, &address("next")).await.ok()?.into_inner().invitation
    })
    .await
}

#[tokio::test]
async fn a_pending_invitation_takes_a_seat_and_its_end_gives_it_back() {
    let admin = admin().await;
    let place = place_with(&admin, 1).await;
    let first = invite(&admin, &place, &address("first"), vec![grant(&place, &["guest"])]).await;
    let answer = ask(&admin, &place, &address("second")).await;
    let details = answer.as_ref().unwrap_err().get_error_details();
    assert_eq!(details.quota_failure().unwrap().violations[0].subject, place);
    let metadata = refused(answer, Code::ResourceExhausted, "SEAT_LIMIT_REACHED");
    assert_eq!((&metadata["communities"], &*metadata["limit"]), (&place, "2"));
    revoke(&admin, &first.name).await;
    take_the_free_seat(&admin, &place).await;
}

#[tokio::test]
async fn accepting_makes_the_seat_the_members_own() {
    let admin = admin().await;
    let place = place_with(&admin, 1).await;
    let guest = Person::new("guest").await;
    let invitation = invite(&admin, &place, &guest.email, vec![grant(&place, &["guest"])]).await;
    let accepted = accept(&guest, &token(&admin, &invitation.name).await).await.unwrap();
    assert_eq!(accepted.grants[0].outcome(), GrantOutcome::Granted);
    let answer = ask(&admin, &place, &address("second")).await;
    refused(answer, Code::ResourceExhausted, "SEAT_LIMIT_REACHED");
    // One more seat is one more, not two: the invitation took one, the member took the same.
    set_limit(&admin, &place, 3).await;
    ask(&admin, &place, &address("second")).await.unwrap();
    let answer = ask(&admin, &place, &address("third")).await;
    refused(answer, Code::ResourceExhausted, "SEAT_LIMIT_REACHED");
}

#[tokio::test]
async fn whoever_is_a_member_already_takes_no_second_seat() {
    let admin = admin().await;
    let place = place_with(&admin, 2).await;
    let there = member(&admin, &place, &place, &["guest"]).await;
    let more = offer(&place, &there.email, vec![grant(&place, &["analyst"])]);
    admin.caller.invitation().create_invitation(more).await.unwrap();
    ask(&admin, &place, &address("last")).await.unwrap();
    refused(ask(&admin, &place, &address("none")).await, Code::ResourceExhausted, "SEAT_LIMIT_REACHED");
}

#[tokio::test]
async fn sending_again_is_neutral() {
    let admin = admin().await;
    let place = place_with(&admin, 2).await;
    let first = invite(&admin, &place, &address("first"), vec![grant(&place, &["guest"])]).await;
    for _ in 0..2 {
        resend(&admin, &first.name, None).await.unwrap();
    }
    ask(&admin, &place, &address("second")).await.unwrap();
    // The community is full, and what has its seat can be sent again all the same.
    resend(&admin, &first.name, None).await.unwrap();
    refused(ask(&admin, &place, &address("third")).await, Code::ResourceExhausted, "SEAT_LIMIT_REACHED");
}

#[tokio::test]
async fn what_has_expired_gives_its_seat_back_and_needs_one_to_be_sent_again() {
    let admin = admin().await;
    let place = place_with(&admin, 1).await;
    let first = invite(&admin, &place, &address("first"), vec![grant(&place, &["guest"])]).await;
    resend(&admin, &first.name, Some(1)).await.unwrap();
    until("the first invitation expires", || async {
        let request = GetInvitationRequest { name: first.name.clone() };
        let seen = admin.caller.invitation().get_invitation(request).await.ok()?.into_inner().invitation?;
        (seen.state() == InvitationState::Expired).then_some(())
    })
    .await;
    let second = take_the_free_seat(&admin, &place).await;
    let answer = resend(&admin, &first.name, None).await;
    refused(answer, Code::ResourceExhausted, "SEAT_LIMIT_REACHED");
    revoke(&admin, &second.name).await;
    until("the seat comes free", || async { resend(&admin, &first.name, None).await.ok() }).await;
    refused(ask(&admin, &place, &address("third")).await, Code::ResourceExhausted, "SEAT_LIMIT_REACHED");
}

#[tokio::test]
async fn of_many_at_once_no_more_are_invited_than_there_are_seats() {
    let admin = admin().await;
    let place = place_with(&admin, 3).await;
    let calls = (0..16).map(|number| {
        let request = offer(&place, &address("guest"), vec![grant(&place, &["guest"])]);
        let mut client = admin.caller.at_replica(number % 2).invitation();
        async move { client.create_invitation(request).await }
    });
    let answers = join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3);
    for answer in answers.into_iter().filter(Result::is_err) {
        refused(answer, Code::ResourceExhausted, "SEAT_LIMIT_REACHED");
    }
}

#[tokio::test]
async fn an_invitation_that_is_not_written_keeps_no_seat() {
    let admin = admin().await;
    let place = place_with(&admin, 2).await;
    let email = address("first");
    invite(&admin, &place, &email, vec![grant(&place, &["guest"])]).await;
    // Each of these asks for a seat before it is refused.
    for _ in 0..3 {
        refused(ask(&admin, &place, &email).await, Code::AlreadyExists, "INVITATION_ALREADY_PENDING");
    }
    let request = offer(&place, &address("second"), vec![grant(&place, &["guest"])]);
    for _ in 0..2 {
        admin.caller.invitation().create_invitation(request.clone()).await.unwrap();
    }
    refused(ask(&admin, &place, &address("third")).await, Code::ResourceExhausted, "SEAT_LIMIT_REACHED");
}
