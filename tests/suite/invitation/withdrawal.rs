//! Invitations that end with a membership: those that a member made before he was suspended or removed, and those to him.

use sandbox::until;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use usher_api::community::{Inheritance, LeaveCommunityRequest};
use usher_api::invitation::{
    GetInvitationRequest, Invitation, InvitationState, ResendInvitationRequest, RevokeInvitationRequest,
    RevokeReason,
};

use crate::support::acts::{member_name, reactivate_member, remove_member, set_roles, suspend_member};
use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::rows::tell_again;
use crate::support::tree::{accept, allowed, expired, grant, invite, join, managed, member, mssp, token};

/// How a membership ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Suspension,
    Removal,
    Leaving,
}

const ENDS: [End; 3] = [End::Suspension, End::Removal, End::Leaving];

/// Ends what `person` was given in `community`.
async fn end(how: End, admin: &Person, community: &str, person: &Person) {
    match how {
        End::Suspension => drop(suspend_member(admin, community, &person.name).await),
        End::Removal => drop(remove_member(admin, community, &person.name).await),
        End::Leaving => {
            let request =
                LeaveCommunityRequest { name: community.to_owned(), ..LeaveCommunityRequest::default() };
            person.caller.community().leave_community(request).await.expect("he leaves");
        }
    }
}

/// The invitation as it is now.
async fn now(admin: &Person, name: &str) -> Invitation {
    let request = GetInvitationRequest { name: name.to_owned() };
    let answer = admin.caller.invitation().get_invitation(request).await;
    answer.expect("the administrator sees it").into_inner().invitation.expect("it comes")
}

async fn is_revoked(admin: &Person, name: &str) {
    until("the invitation is revoked", || async {
        (now(admin, name).await.state() == InvitationState::Revoked).then_some(())
    })
    .await;
}

async fn is_pending(admin: &Person, name: &str) {
    assert_eq!(now(admin, name).await.state(), InvitationState::Pending, "{name}");
}

/// Invites somebody new as a guest, and returns the name of the invitation.
async fn invite_somebody(inviter: &Person, root: &str, community: &str) -> String {
    invite(inviter, root, &address("guest"), vec![grant(community, &["guest"])]).await.name
}

/// Waits until the ends of memberships that were told before are heard, by ending one more.
async fn heard(admin: &Person, root: &str) {
    let last = member(admin, root, root, &["manage_member"]).await;
    let invitation = invite_somebody(&last, root, root).await;
    remove_member(admin, root, &last.name).await;
    is_revoked(admin, &invitation).await;
}

#[tokio::test]
async fn what_a_member_invited_to_ends_with_him() {
    let admin = admin().await;
    let place = managed(&admin).await;
    for how in ENDS {
        let inviter = member(&admin, &place, &place, &["manage_member"]).await;
        let guest = Person::new("guest").await;
        let mine = invite(&inviter, &place, &guest.email, vec![grant(&place, &["guest"])]).await;
        let token = token(&inviter, &mine.name).await;
        let others = invite_somebody(&admin, &place, &place).await;
        end(how, &admin, &place, &inviter).await;
        is_revoked(&admin, &mine.name).await;
        let ended = now(&admin, &mine.name).await;
        assert!(ended.revoke_time.is_some() && ended.etag != mine.etag, "{how:?}");
        assert_eq!(ended.revoke_reason(), RevokeReason::InviterEnded);
        refused(accept(&guest, &token).await, Code::FailedPrecondition, "INVITATION_REVOKED");
        is_pending(&admin, &others).await;
    }
}

#[tokio::test]
async fn only_what_leads_into_that_subtree_ends_with_the_inviter() {
    let admin = admin().await;
    let (tree, elsewhere) = (mssp(&admin, 2).await, managed(&admin).await);
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    for how in ENDS {
        let inviter = Person::new("inviter").await;
        let roles = ["manage_member"];
        join(&admin, root, &inviter, [root, one, two].map(|place| grant(place, &roles)).to_vec()).await;
        join(&admin, &elsewhere, &inviter, vec![grant(&elsewhere, &roles)]).await;
        let into_root = invite_somebody(&inviter, root, root).await;
        let into_one = invite_somebody(&inviter, root, one).await;
        let into_two = invite_somebody(&inviter, root, two).await;
        let into_elsewhere = invite_somebody(&inviter, &elsewhere, &elsewhere).await;

        end(how, &admin, one, &inviter).await;
        is_revoked(&admin, &into_one).await;
        heard(&admin, root).await;
        for kept in [&into_root, &into_two, &into_elsewhere] {
            is_pending(&admin, kept).await;
        }
        // What is given in the main community counts in all inside, so all ends with it.
        end(how, &admin, root, &inviter).await;
        is_revoked(&admin, &into_root).await;
        is_revoked(&admin, &into_two).await;
        is_pending(&admin, &into_elsewhere).await;
    }
}

#[tokio::test]
async fn what_a_member_is_invited_to_in_that_subtree_ends_with_his_membership() {
    let admin = admin().await;
    let (tree, elsewhere) = (mssp(&admin, 2).await, managed(&admin).await);
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    for how in ENDS {
        let person = Person::new("person").await;
        let places = [root, one, two].map(|place| grant(place, &["guest"]));
        join(&admin, root, &person, places.to_vec()).await;
        join(&admin, &elsewhere, &person, vec![grant(&elsewhere, &["guest"])]).await;
        // However his address is written.
        let email = person.email.to_uppercase();
        let to_him = |top, place| invite(&admin, top, &email, vec![grant(place, &["analyst"])]);
        let (into_root, into_one) = (to_him(root, root).await, to_him(root, one).await);
        let (into_two, into_elsewhere) = (to_him(root, two).await, to_him(&elsewhere, &elsewhere).await);
        let to_others = invite_somebody(&admin, root, one).await;

        end(how, &admin, one, &person).await;
        is_revoked(&admin, &into_one.name).await;
        assert_eq!(now(&admin, &into_one.name).await.revoke_reason(), RevokeReason::MembershipEnded);
        heard(&admin, root).await;
        for kept in [&into_root.name, &into_two.name, &into_elsewhere.name, &to_others] {
            is_pending(&admin, kept).await;
        }
        end(how, &admin, root, &person).await;
        is_revoked(&admin, &into_root.name).await;
        is_revoked(&admin, &into_two.name).await;
        for kept in [&into_elsewhere.name, &to_others] {
            is_pending(&admin, kept).await;
        }
    }
}

#[tokio::test]
async fn what_ended_before_stays_as_it_ended() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let inviter = member(&admin, &place, &place, &["manage_member"]).await;
    let guest = Person::new("guest").await;
    let grants = || vec![grant(&place, &["guest"])];
    let accepted = invite(&inviter, &place, &guest.email, grants()).await.name;
    accept(&guest, &token(&inviter, &accepted).await).await.unwrap();
    let revoked = invite_somebody(&inviter, &place, &place).await;
    let request = RevokeInvitationRequest { name: revoked.clone(), ..RevokeInvitationRequest::default() };
    inviter.caller.invitation().revoke_invitation(request).await.unwrap();
    let (late, _) = expired(&inviter, &place, &address("late"), grants()).await;
    let waiting = invite_somebody(&inviter, &place, &place).await;
    let revoked_before = now(&admin, &revoked).await;

    remove_member(&admin, &place, &inviter.name).await;
    is_revoked(&admin, &waiting).await;
    heard(&admin, &place).await;
    assert_eq!(now(&admin, &accepted).await.state(), InvitationState::Accepted);
    assert_eq!(now(&admin, &revoked).await, revoked_before);
    assert_eq!(now(&admin, &late).await.state(), InvitationState::Expired);
    assert!(allowed(&guest, &place, "communities.get").await);
    // An administrator may send it again, in his own name.
    let again = ResendInvitationRequest { name: late.clone(), ..ResendInvitationRequest::default() };
    admin.caller.invitation().resend_invitation(again).await.unwrap();
    is_pending(&admin, &late).await;
}

#[tokio::test]
async fn what_is_offered_afterwards_stays() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let person = member(&admin, &place, &place, &["manage_member"]).await;
    let before = invite_somebody(&person, &place, &place).await;
    // At once, before anybody has heard that he is gone.
    remove_member(&admin, &place, &person.name).await;
    let back = invite(&admin, &place, &person.email, vec![grant(&place, &["manage_member"])]).await;
    is_revoked(&admin, &before).await;
    heard(&admin, &place).await;
    is_pending(&admin, &back.name).await;
    accept(&person, &token(&admin, &back.name).await).await.unwrap();

    suspend_member(&admin, &place, &person.name).await;
    reactivate_member(&admin, &place, &person.name).await;
    let later = invite_somebody(&person, &place, &place).await;
    heard(&admin, &place).await;
    is_pending(&admin, &later).await;
}

#[tokio::test]
async fn an_old_end_that_is_told_again_ends_nothing_new() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let person = member(&admin, &place, &place, &["manage_member"]).await;
    let before = invite_somebody(&person, &place, &place).await;
    remove_member(&admin, &place, &person.name).await;
    is_revoked(&admin, &before).await;
    join(&admin, &place, &person, vec![grant(&place, &["manage_member"])]).await;
    let mine = invite_somebody(&person, &place, &place).await;
    let to_him = invite(&admin, &place, &person.email, vec![grant(&place, &["guest"])]).await.name;

    tell_again("member.deleted", &member_name(&place, &person.name)).await;
    heard(&admin, &place).await;
    for kept in [&mine, &to_him] {
        is_pending(&admin, kept).await;
    }
}

#[tokio::test]
async fn who_loses_the_authority_alone_is_refused_when_somebody_accepts() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let inviter = member(&admin, &place, &place, &["manage_member"]).await;
    let guest = Person::new("guest").await;
    let mine = invite(&inviter, &place, &guest.email, vec![grant(&place, &["guest"])]).await.name;
    let token = token(&inviter, &mine).await;
    let roles = [("guest".to_owned(), Inheritance::Self_)];
    set_roles(&admin, &place, &inviter.name, roles).await;
    let metadata = refused(accept(&guest, &token).await, Code::FailedPrecondition, "INVITER_NOT_AUTHORIZED");
    assert_eq!(metadata["communities"], place);
    heard(&admin, &place).await;
    is_pending(&admin, &mine).await;
}

#[tokio::test]
async fn who_accepts_while_the_inviter_is_removed_is_a_member_or_refused() {
    let admin = admin().await;
    let place = managed(&admin).await;
    for _ in 0..12 {
        let inviter = member(&admin, &place, &place, &["manage_member"]).await;
        let guest = Person::new("guest").await;
        let mine = invite(&inviter, &place, &guest.email, vec![grant(&place, &["guest"])]).await.name;
        let token = token(&inviter, &mine).await;
        let (accepted, _) =
            tokio::join!(accept(&guest, &token), remove_member(&admin, &place, &inviter.name));
        assert_eq!(allowed(&guest, &place, "communities.get").await, accepted.is_ok());
        match accepted {
            Ok(invitation) => assert_eq!(invitation.state(), InvitationState::Accepted),
            Err(status) => {
                assert!(["INVITER_NOT_AUTHORIZED", "INVITATION_REVOKED"].contains(&&*reason(&status)));
                is_revoked(&admin, &mine).await;
            }
        }
    }
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}
