//! Ids of one community under the name of another: however much the caller may there, nothing is found and nothing happens.

use std::fmt::Debug;

use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::invitation::{
    AcceptInvitationRequest, DeclineInvitationRequest, GetInvitationRequest, Invitation, InvitationState,
    ResendInvitationRequest, RevokeInvitationRequest, UpdateInvitationRequest,
};

use crate::support::keys::key;
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::tree::{grant, hand_over, invite, managed};

async fn get(caller: &Caller, name: &str) -> Result<Invitation, Status> {
    let request = GetInvitationRequest { name: name.to_owned() };
    let answer = caller.invitation().get_invitation(request).await?;
    Ok(answer.into_inner().invitation.expect("it comes"))
}

fn is_unknown<T: Debug>(answer: Result<T, Status>) {
    assert!(refused(answer, Code::NotFound, "INVITATION_NOT_FOUND").is_empty());
}

/// Does everything to the invitation that its name serves for.
async fn try_all(manager: &Caller, guest: &Person, name: &str) {
    let (mut calls, name) = (manager.invitation(), || name.to_owned());
    is_unknown(get(manager, &name()).await);
    let invitation = Invitation { name: name(), display_name: "Ola".to_owned(), ..Invitation::default() };
    let update = UpdateInvitationRequest { invitation: Some(invitation), ..Default::default() };
    is_unknown(calls.update_invitation(update).await);
    is_unknown(calls.resend_invitation(ResendInvitationRequest { name: name(), ..Default::default() }).await);
    is_unknown(calls.revoke_invitation(RevokeInvitationRequest { name: name(), ..Default::default() }).await);
    let mut calls = guest.caller.invitation();
    is_unknown(calls.accept_invitation(AcceptInvitationRequest { name: name(), ..Default::default() }).await);
    is_unknown(
        calls.decline_invitation(DeclineInvitationRequest { name: name(), ..Default::default() }).await,
    );
}

#[tokio::test]
async fn an_invitation_is_nothing_under_the_name_of_another_community() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let (here, there) = (managed(&admin).await, managed(&admin).await);
    let (mine, theirs) = (hand_over(&admin, &here).await, hand_over(&admin, &there).await);
    let invitation = invite(&mine, &here, &guest.email, vec![grant(&here, &["guest"])]).await;
    let crossed = invitation.name.replace(&here, &there);
    // Authority over the community that is named is none over that of the invitation.
    try_all(&theirs.caller, &guest, &crossed).await;
    let all = ["invitations.list", "invitations.update", "invitations.resend", "invitations.revoke"];
    try_all(&key(&theirs, &there, &all).await.caller, &guest, &crossed).await;
    let seen = get(&mine.caller, &invitation.name).await.unwrap();
    assert_eq!((seen.state(), &seen), (InvitationState::Pending, &invitation));
    // And who may in neither is told nothing at all.
    let stranger = Person::new("stranger").await;
    for name in [&crossed, &invitation.name] {
        let metadata =
            refused(get(&stranger.caller, name).await, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!(metadata["permission"], "invitations.list");
    }
}
