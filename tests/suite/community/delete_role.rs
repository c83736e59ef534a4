use futures::future::join_all;
use sandbox::{Caller, until};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use usher_api::community::{
    DeleteRoleRequest, DeleteRoleResponse, GetRoleRequest, GetRoleUsageRequest, Grant, GrantOutcome,
    ListMembersRequest,
};
use usher_api::invitation::{InvitationState, ResendInvitationRequest, RevokeInvitationRequest};

use super::{denied, enrol, holder, may, no_community, outsiders, role_now, somebody};
use crate::support::acts::{delete_community, member_name, suspend_community, suspend_member};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{accept, grant, invite, managed, mssp, role, token};
use crate::support::{address, request_id};

const PERMISSION: &str = "roles.delete";

fn request(name: &str) -> DeleteRoleRequest {
    DeleteRoleRequest { name: name.to_owned(), request_id: request_id(), ..DeleteRoleRequest::default() }
}

fn forced(name: &str) -> DeleteRoleRequest {
    DeleteRoleRequest { force: true, ..request(name) }
}

async fn delete(actor: &Person, request: DeleteRoleRequest) -> Result<DeleteRoleResponse, Status> {
    Ok(actor.caller.community().delete_role(request).await?.into_inner())
}

async fn is_there(actor: &Person, name: &str) -> bool {
    actor.caller.community().get_role(GetRoleRequest { name: name.to_owned() }).await.is_ok()
}

/// Waits until the community service has heard that `count` live invitations offer the role.
async fn offered_by(actor: &Person, role: &str, count: i64) {
    until("the offers are known", || async {
        let request = GetRoleUsageRequest { name: role.to_owned(), ..GetRoleUsageRequest::default() };
        let usage = actor.caller.community().get_role_usage(request).await.unwrap().into_inner();
        (usage.invitation_count == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn one_that_nobody_uses_is_gone() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let name = role(&admin, &place, &["communities.get"]).await;
    let answer = delete(&admin, request(&name)).await.unwrap();
    assert_eq!((answer.changed_member_count, answer.invitation_count), (0, 0));
    assert!(!is_there(&admin, &name).await);
    assert_eq!(refused(delete(&admin, request(&name)).await, Code::NotFound, "ROLE_NOT_FOUND")["role"], name);
}

#[tokio::test]
async fn one_in_use_is_refused_with_the_list_of_its_users() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let name = role(&admin, &tree.root, &["communities.get"]).await;
    let (here, inside) = (somebody(), somebody());
    enrol(&admin, &tree.root, &here, vec![grant(&tree.root, &[&name])]).await;
    enrol(&admin, &tree.root, &inside, vec![grant(&tree.inside[0], &[&name, "guest"])]).await;
    let offer = invite(&admin, &tree.root, &address("guest"), vec![grant(&tree.root, &[&name])]).await;
    offered_by(&admin, &name, 1).await;

    let metadata = refused(delete(&admin, request(&name)).await, Code::FailedPrecondition, "ROLE_IN_USE");
    let mut members: Vec<&str> = metadata["members"].split(',').collect();
    members.sort_unstable();
    let mut expected = [member_name(&tree.root, &here), member_name(&tree.inside[0], &inside)];
    expected.sort_unstable();
    assert_eq!((members, &*metadata["member_count"]), (expected.iter().map(String::as_str).collect(), "2"));
    assert_eq!((&metadata["invitations"], &*metadata["invitation_count"]), (&offer.name, "1"));
    assert!(may(&here, &tree.root, "communities.get").await);
}

#[tokio::test]
async fn an_offer_that_has_ended_uses_no_role() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let name = role(&admin, &place, &["communities.get"]).await;
    let offer = invite(&admin, &place, &address("guest"), vec![grant(&place, &[&name])]).await;
    offered_by(&admin, &name, 1).await;
    refused(delete(&admin, request(&name)).await, Code::FailedPrecondition, "ROLE_IN_USE");
    let revoke = RevokeInvitationRequest { name: offer.name, ..RevokeInvitationRequest::default() };
    admin.caller.invitation().revoke_invitation(revoke).await.unwrap();
    offered_by(&admin, &name, 0).await;
    delete(&admin, request(&name)).await.unwrap();
}

#[tokio::test]
async fn by_force_it_is_taken_from_all_who_hold_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let name = role(&admin, root, &["communities.get"]).await;
    let (only, both) = (somebody(), somebody());
    enrol(&admin, root, &only, vec![grant(root, &[&name])]).await;
    enrol(&admin, root, &both, vec![grant(inside, &[&name, "guest"])]).await;
    let answer = delete(&admin, forced(&name)).await.unwrap();
    assert_eq!((answer.changed_member_count, answer.members_without_roles_count), (2, 1));
    assert!(!may(&only, root, "communities.get").await && !may(&only, inside, "communities.get").await);
    assert!(may(&both, inside, "communities.get").await);
    // Whom it leaves without a role is no less a member, and is found.
    let request =
        ListMembersRequest { parent: root.clone(), without_roles: true, ..ListMembersRequest::default() };
    let listed = admin.caller.community().list_members(request).await.unwrap().into_inner().members;
    assert_eq!(listed.iter().map(|member| &member.user).collect::<Vec<_>>(), [&only]);
    assert!(listed[0].roles.is_empty());
}

#[tokio::test]
async fn a_grant_that_loses_its_role_gives_nothing_and_says_so() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let guest = Person::new("guest").await;
    let (one, two) = (&tree.inside[0], &tree.inside[1]);
    let name = role(&admin, one, &["communities.get"]).await;
    // Not even what else it offers: the giver chose them together.
    let grants = vec![grant(one, &[&name, "guest"]), grant(two, &["guest"])];
    let offer = invite(&admin, &tree.root, &guest.email, grants).await;
    offered_by(&admin, &name, 1).await;
    assert_eq!(delete(&admin, forced(&name)).await.unwrap().invitation_count, 1);
    let link = token(&admin, &offer.name).await;
    let accepted = accept(&guest, &link).await.unwrap();
    let outcomes: Vec<GrantOutcome> = accepted.grants.iter().map(Grant::outcome).collect();
    assert_eq!(outcomes, [GrantOutcome::RoleDeleted, GrantOutcome::Granted]);
    assert!(
        !may(&guest.name, one, "communities.get").await && may(&guest.name, two, "communities.get").await
    );
}

#[tokio::test]
async fn an_offer_of_nothing_else_is_refused_and_stays_pending() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let guest = Person::new("guest").await;
    let name = role(&admin, &place, &["communities.get"]).await;
    let offer = invite(&admin, &place, &guest.email, vec![grant(&place, &[&name])]).await;
    let link = token(&admin, &offer.name).await;
    offered_by(&admin, &name, 1).await;
    delete(&admin, forced(&name)).await.unwrap();
    let metadata = refused(accept(&guest, &link).await, Code::FailedPrecondition, "ROLE_DELETED");
    assert_eq!(metadata["communities"], place);
    let request = usher_api::invitation::GetInvitationRequest { name: offer.name };
    let seen = admin.caller.invitation().get_invitation(request).await.unwrap().into_inner().invitation;
    assert_eq!(seen.unwrap().state(), InvitationState::Pending);
}

#[tokio::test]
async fn a_role_is_deleted_where_it_is_at_home_and_by_whom_may_do_so_there() {
    let admin = admin().await;
    let (tree, nowhere) = (mssp(&admin, 2).await, no_community());
    let (root, place) = (&tree.root, &tree.inside[0]);
    let (own, above) =
        (role(&admin, place, &["communities.get"]).await, role(&admin, root, &["communities.get"]).await);
    for outsider in outsiders(&admin, &tree).await {
        denied(delete(&outsider, request(&own)).await, PERMISSION, place);
    }
    let inner = holder(&admin, &tree.root, vec![grant(place, &["manage_roles"])]).await;
    let id = above.rsplit('/').next().unwrap();
    denied(delete(&inner, request(&above)).await, PERMISSION, root);
    denied(delete(&inner, request(&format!("{nowhere}/roles/{id}"))).await, PERMISSION, &nowhere);
    let alias = format!("{place}/roles/{id}");
    assert_eq!(
        refused(delete(&inner, forced(&alias)).await, Code::NotFound, "ROLE_NOT_FOUND")["role"],
        alias
    );
    let built_in = format!("{place}/roles/guest");
    let answer = delete(&inner, forced(&built_in)).await;
    assert_eq!(refused(answer, Code::FailedPrecondition, "ROLE_BUILT_IN")["role"], built_in);
    delete(&inner, request(&own)).await.unwrap();
    assert!(is_there(&admin, &above).await);
}

#[tokio::test]
async fn a_stale_etag_and_wrong_fields_are_refused() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let name = role(&admin, &place, &["communities.get"]).await;
    let stale = DeleteRoleRequest { etag: "0".to_owned(), ..request(&name) };
    assert_eq!(refused(delete(&admin, stale).await, Code::Aborted, "ETAG_MISMATCH")["resource"], name);
    let wrong = DeleteRoleRequest { request_id: "42".to_owned(), ..request("northwind") };
    refused_fields(delete(&admin, wrong).await, &["name", "request_id"]);
    assert!(is_there(&admin, &name).await);
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (one, other) =
        (role(&admin, &place, &["communities.get"]).await, role(&admin, &place, &["communities.get"]).await);
    let first = request(&one);
    let answer = delete(&admin, first.clone()).await.unwrap();
    assert_eq!(delete(&admin, first.clone()).await.unwrap(), answer);
    let reused = DeleteRoleRequest { name: other.clone(), ..first };
    refused(delete(&admin, reused).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert!(is_there(&admin, &other).await);
}

#[tokio::test]
async fn suspended_members_use_it_too_and_of_many_users_twenty_are_named() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let inside = &tree.inside[0];
    let name = role(&admin, &tree.root, &["communities.get"]).await;
    let (users, emails): (Vec<String>, Vec<String>) = (0..21).map(|_| (somebody(), address("guest"))).unzip();
    for user in &users {
        enrol(&admin, &tree.root, user, vec![grant(inside, &[&name])]).await;
    }
    for user in &users[..10] {
        suspend_member(&admin, inside, user).await;
    }
    let invited = emails.iter().map(|email| invite(&admin, &tree.root, email, vec![grant(inside, &[&name])]));
    let offers: Vec<String> = join_all(invited).await.into_iter().map(|offer| offer.name).collect();
    offered_by(&admin, &name, 21).await;

    let before = role_now(&name).await;
    let metadata = refused(delete(&admin, request(&name)).await, Code::FailedPrecondition, "ROLE_IN_USE");
    assert_eq!((&metadata["role"], &*metadata["member_count"]), (&name, "21"));
    assert_eq!(metadata["invitation_count"], "21");
    let members: Vec<String> = users.iter().map(|user| member_name(inside, user)).collect();
    for (named, all) in [("members", &members), ("invitations", &offers)] {
        let named: Vec<String> = metadata[named].split(',').map(str::to_owned).collect();
        assert_eq!(named.len(), 20);
        assert!(named.iter().all(|one| all.contains(one)), "{named:?}");
    }
    assert_eq!(role_now(&name).await, before);
    let answer = delete(&admin, forced(&name)).await.unwrap();
    assert_eq!((answer.changed_member_count, answer.members_without_roles_count), (21, 21));
    assert_eq!(answer.invitation_count, 21);
}

#[tokio::test]
async fn who_reached_inside_by_it_alone_reaches_no_more() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let name = role(&admin, &tree.root, &["communities.get"]).await;
    let (only, both) = (somebody(), somebody());
    enrol(&admin, &tree.root, &only, vec![grant(&tree.root, &[&name])]).await;
    enrol(&admin, &tree.root, &both, vec![grant(&tree.root, &[&name, "guest"])]).await;
    let listed = async || {
        let request = ListMembersRequest { parent: tree.inside[0].clone(), ..ListMembersRequest::default() };
        let service = Caller::nobody().service("alerts");
        let members = service.community().list_members(request).await.unwrap().into_inner().members;
        let users: Vec<String> = members.into_iter().map(|member| member.user).collect();
        [users.contains(&only), users.contains(&both), users.contains(&admin.name)]
    };
    assert_eq!(listed().await, [true, true, true]);
    delete(&admin, forced(&name)).await.unwrap();
    assert_eq!(listed().await, [false, true, true]);
    assert!(may(&both, &tree.inside[0], "communities.get").await);
}

#[tokio::test]
async fn an_offer_of_nothing_else_can_neither_be_accepted_nor_sent_again() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let guest = Person::new("guest").await;
    let name = role(&admin, &place, &["communities.get"]).await;
    let offer = invite(&admin, &place, &guest.email, vec![grant(&place, &[&name])]).await.name;
    let link = token(&admin, &offer).await;
    delete(&admin, forced(&name)).await.unwrap();
    let status = accept(&guest, &link).await.unwrap_err();
    let told = status.get_error_details().error_info().cloned().unwrap();
    assert_eq!((&*told.reason, &*told.domain), ("ROLE_DELETED", "invitation.usher"));
    assert!(!may(&guest.name, &place, "communities.get").await);
    let again = ResendInvitationRequest { name: offer, ..ResendInvitationRequest::default() };
    let answer = admin.caller.invitation().resend_invitation(again).await;
    let metadata = refused(answer, Code::InvalidArgument, "UNKNOWN_ROLE");
    assert_eq!((&metadata["community"], &metadata["role"]), (&place, &name));
}

#[tokio::test]
async fn who_accepts_at_the_same_moment_gets_it_and_loses_it_or_is_refused() {
    let admin = admin().await;
    let place = managed(&admin).await;
    for _ in 0..8 {
        let guest = Person::new("guest").await;
        let name = role(&admin, &place, &["communities.get"]).await;
        let offer = invite(&admin, &place, &guest.email, vec![grant(&place, &[&name])]).await.name;
        let link = token(&admin, &offer).await;
        let (deleted, accepted) = tokio::join!(delete(&admin, forced(&name)), accept(&guest, &link));
        let changed = deleted.unwrap().changed_member_count;
        match accepted {
            Ok(_) => assert_eq!(changed, 1),
            refusal => {
                refused(refusal, Code::FailedPrecondition, "ROLE_DELETED");
                assert_eq!(changed, 0);
            }
        }
        assert!(!may(&guest.name, &place, "communities.get").await);
    }
}

#[tokio::test]
async fn nothing_is_deleted_where_the_community_is_stopped() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let [one, two] = [&tree.inside[0], &tree.inside[1]];
    let roles =
        [role(&admin, one, &["communities.get"]).await, role(&admin, two, &["communities.get"]).await];
    let worker = holder(&admin, &tree.root, vec![grant(&tree.root, &["analyst"])]).await;
    suspend_community(&admin, one).await;
    delete_community(&admin, two).await;
    for (name, place, state) in [(&roles[0], one, "SUSPENDED"), (&roles[1], two, "DELETED")] {
        let metadata =
            refused(delete(&admin, forced(name)).await, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
        assert_eq!((&metadata["community"], &*metadata["state"]), (place, state));
        // Authority comes before the rest.
        let wrong = DeleteRoleRequest { request_id: "42".to_owned(), ..forced(name) };
        denied(delete(&worker, wrong).await, PERMISSION, place);
        assert!(is_there(&admin, name).await);
    }
}

#[tokio::test]
async fn a_repeated_request_by_force_tells_the_same_numbers() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (name, user) = (role(&admin, &place, &["communities.get"]).await, somebody());
    enrol(&admin, &place, &user, vec![grant(&place, &[&name])]).await;
    let asked = forced(&name);
    let (one, two) = tokio::join!(delete(&admin, asked.clone()), delete(&admin, asked.clone()));
    let answer = one.unwrap();
    assert_eq!((answer.changed_member_count, answer.members_without_roles_count), (1, 1));
    assert_eq!(two.unwrap(), answer);
    assert_eq!(delete(&admin, asked.clone()).await.unwrap(), answer);
    let gentle = DeleteRoleRequest { force: false, ..asked.clone() };
    let metadata = refused(delete(&admin, gentle).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(metadata["request_id"], asked.request_id);
}
