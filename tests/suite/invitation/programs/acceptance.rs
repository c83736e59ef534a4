//! Whoever accepts what a program offers gets it only as long as the program, and the person represented, may still give it.

use tonic::{Code, Status};
use usher_api::community::{ApiKey, Inheritance, UpdateApiKeyRequest};
use usher_api::invitation::{Invitation, InvitationState, ResendInvitationRequest};

use super::{INVITING, REPRESENTING, get, invite_by, represented_place};
use crate::support::acts::set_roles;
use crate::support::keys::{give, key, key_request, living, make_key, named};
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::tree::{accept, grant, managed, member, role, token};
use crate::support::{request_id, tree};

/// Nothing is given, and the invitation waits.
async fn is_refused(admin: &Person, place: &str, answer: Result<Invitation, Status>, name: &str) {
    let metadata = refused(answer, Code::FailedPrecondition, "INVITER_NOT_AUTHORIZED");
    assert_eq!(metadata["communities"], place);
    assert_eq!(get(&admin.caller, name).await.state(), InvitationState::Pending);
}

#[tokio::test]
async fn a_key_that_lost_a_permission_gives_nothing_any_more() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let place = managed(&admin).await;
    let role = role(&admin, &place, &["members.list"]).await;
    for kept in [["invitations.create", "invitations.list"], ["invitations.list", "members.list"]] {
        let made = key(&admin, &place, &INVITING).await;
        let waiting = invite_by(&made.caller, &place, &guest.email, vec![grant(&place, &[&role])]).await.name;
        let token = token(&admin, &waiting).await;
        let lesser = ApiKey { name: made.key.name, permissions: named(&kept), ..ApiKey::default() };
        let request = UpdateApiKeyRequest {
            api_key: Some(lesser),
            request_id: request_id(),
            ..UpdateApiKeyRequest::default()
        };
        admin.caller.community().update_api_key(request).await.unwrap();
        is_refused(&admin, &place, accept(&guest, &token).await, &waiting).await;
        // Somebody who may sends it again, in his own name.
        let again = ResendInvitationRequest { name: waiting, ..ResendInvitationRequest::default() };
        let sent = admin.caller.invitation().resend_invitation(again).await.unwrap().into_inner();
        assert_eq!(sent.invitation.unwrap().inviter, admin.name);
        accept(&guest, &token).await.unwrap();
        tree::allowed(&guest, &place, "members.list").await;
        crate::support::acts::remove_member(&admin, &place, &guest.name).await;
    }
}

#[tokio::test]
async fn a_key_that_has_expired_gives_nothing_any_more() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let place = managed(&admin).await;
    let role = role(&admin, &place, &["members.list"]).await;
    let short = make_key(&admin, living(5, key_request(&place, &INVITING))).await.unwrap();
    let waiting = invite_by(&short.caller, &place, &guest.email, vec![grant(&place, &[&role])]).await.name;
    let token = token(&admin, &waiting).await;
    sandbox::until("the key has expired", || async {
        let may = crate::support::keys::may_for(&short.key.name, "", &place, "invitations.create").await;
        (!may).then_some(())
    })
    .await;
    is_refused(&admin, &place, accept(&guest, &token).await, &waiting).await;
}

#[tokio::test]
async fn what_was_offered_on_behalf_of_a_person_takes_both_to_be_given() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let (place, role, account, key) = represented_place(&admin).await;
    let manager = member(&admin, &place, &place, &["manage_member"]).await;
    let for_manager = key.caller.representing(&manager.name);
    let waiting = invite_by(&for_manager, &place, &guest.email, vec![grant(&place, &[&role])]).await.name;
    let token = token(&admin, &waiting).await;
    let be = async |role: &str| {
        set_roles(&admin, &place, &manager.name, [(role.to_owned(), Inheritance::Self_)]).await;
    };
    be("guest").await;
    is_refused(&admin, &place, accept(&guest, &token).await, &waiting).await;
    be("manage_member").await;
    // Of the account: to invite, what it gives, to represent.
    for missing in ["invitations.create", "members.list", "serviceAccounts.represent"] {
        let left: Vec<&str> = REPRESENTING.into_iter().filter(|it| *it != missing).collect();
        give(&admin, &account, &place, &left).await;
        is_refused(&admin, &place, accept(&guest, &token).await, &waiting).await;
    }
    give(&admin, &account, &place, &REPRESENTING).await;
    let accepted = accept(&guest, &token).await.unwrap();
    assert_eq!((accepted.inviter, accepted.on_behalf_of), (account, manager.name));
}
