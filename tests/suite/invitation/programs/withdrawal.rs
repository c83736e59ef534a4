//! What a program offered ends with it.

use sandbox::{Caller, until};
use usher_api::community::{
    DeleteServiceAccountRequest, ServiceAccount, ServiceAccountState, UpdateServiceAccountRequest,
};
use usher_api::invitation::{InvitationState, RevokeReason};

use super::{INVITING, REPRESENTING, get, invite_by, represented_place};
use crate::support::acts::{remove_member, suspend_member};
use crate::support::keys::{account, give, key, revoke_key};
use crate::support::people::{Person, admin};
use crate::support::tree::{grant, managed, member, mssp, role};
use crate::support::{address, request_id};

async fn ends(admin: &Person, name: &str) {
    let ended = until("the invitation is revoked", || async {
        let seen = get(&admin.caller, name).await;
        (seen.state() == InvitationState::Revoked).then_some(seen)
    })
    .await;
    assert_eq!(ended.revoke_reason(), RevokeReason::InviterEnded);
}

async fn waits(admin: &Person, name: &str) {
    assert_eq!(get(&admin.caller, name).await.state(), InvitationState::Pending, "{name}");
}

#[tokio::test]
async fn what_a_key_offered_ends_when_it_is_revoked() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let role = role(&admin, &place, &["members.list"]).await;
    let grants = || vec![grant(&place, &[&role])];
    let (one, other) = (key(&admin, &place, &INVITING).await, key(&admin, &place, &INVITING).await);
    let of_one = invite_by(&one.caller, &place, &address("guest"), grants()).await.name;
    let of_other = invite_by(&other.caller, &place, &address("guest"), grants()).await.name;
    let of_admin = invite_by(&admin.caller, &place, &address("guest"), grants()).await.name;
    revoke_key(&admin.caller, &one.key.name).await.unwrap();
    ends(&admin, &of_one).await;
    for kept in [&of_other, &of_admin] {
        waits(&admin, kept).await;
    }
}

#[tokio::test]
async fn what_an_account_offered_ends_when_it_is_disabled_or_deleted_but_not_with_one_of_its_keys() {
    let admin = admin().await;
    let (place, role, name, of_account) = represented_place(&admin).await;
    let manager = member(&admin, &place, &place, &["manage_member"]).await;
    let offered = async |caller| {
        invite_by(&caller, &place, &address("guest"), vec![grant(&place, &[&role])]).await.name
    };
    let second = key(&admin, &name, &[]).await;
    let before = offered(second.caller.clone()).await;
    revoke_key(&admin.caller, &second.key.name).await.unwrap();
    let set = async |state: ServiceAccountState| {
        let changed = ServiceAccount { name: name.clone(), state: state.into(), ..ServiceAccount::default() };
        let request = UpdateServiceAccountRequest {
            service_account: Some(changed),
            request_id: request_id(),
            ..UpdateServiceAccountRequest::default()
        };
        admin.caller.community().update_service_account(request).await.unwrap();
    };
    let for_manager = offered(of_account.caller.representing(&manager.name)).await;
    waits(&admin, &before).await;
    set(ServiceAccountState::Disabled).await;
    for ended in [&before, &for_manager] {
        ends(&admin, ended).await;
    }
    set(ServiceAccountState::Enabled).await;
    let later = offered(of_account.caller.clone()).await;
    // A change of something else ends nothing.
    give(&admin, &name, &place, &REPRESENTING).await;
    let request =
        DeleteServiceAccountRequest { name: name.clone(), ..DeleteServiceAccountRequest::default() };
    waits(&admin, &later).await;
    admin.caller.community().delete_service_account(request).await.unwrap();
    ends(&admin, &later).await;
}

#[tokio::test]
async fn what_an_account_offered_ends_in_the_subtree_that_takes_everything_back() {
    let admin = admin().await;
    let (tree, elsewhere) = (mssp(&admin, 2).await, managed(&admin).await);
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let (inside, there) =
        (role(&admin, root, &["members.list"]).await, role(&admin, &elsewhere, &["members.list"]).await);
    let (made, of_account) = account(&admin).await;
    for place in [root, one, two, &elsewhere] {
        give(&admin, &made.name, place, &INVITING).await;
    }
    let offered = async |root: &str, place: &str, role: &str| {
        invite_by(&of_account.caller, root, &address("guest"), vec![grant(place, &[role])]).await.name
    };
    let into_one = offered(root, one, &inside).await;
    let into_two = offered(root, two, &inside).await;
    let into_elsewhere = offered(&elsewhere, &elsewhere, &there).await;
    give(&admin, &made.name, one, &[]).await;
    ends(&admin, &into_one).await;
    waits(&admin, &into_two).await;
    // What is given at the top counts in all inside, so all ends with it.
    give(&admin, &made.name, root, &[]).await;
    ends(&admin, &into_two).await;
    waits(&admin, &into_elsewhere).await;
}

#[tokio::test]
async fn what_was_offered_on_behalf_of_a_member_ends_with_his_membership() {
    let admin = admin().await;
    let (place, role, _, of_account) = represented_place(&admin).await;
    for suspended in [true, false] {
        let (leaving, staying) = (
            member(&admin, &place, &place, &["manage_member"]).await,
            member(&admin, &place, &place, &["manage_member"]).await,
        );
        let offered = async |caller: Caller| {
            invite_by(&caller, &place, &address("guest"), vec![grant(&place, &[&role])]).await.name
        };
        let for_leaving = offered(of_account.caller.representing(&leaving.name)).await;
        let for_staying = offered(of_account.caller.representing(&staying.name)).await;
        let alone = offered(of_account.caller.clone()).await;
        if suspended {
            suspend_member(&admin, &place, &leaving.name).await;
        } else {
            remove_member(&admin, &place, &leaving.name).await;
        }
        ends(&admin, &for_leaving).await;
        for kept in [&for_staying, &alone] {
            waits(&admin, kept).await;
        }
    }
}
