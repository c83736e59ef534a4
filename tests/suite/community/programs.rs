//! What API keys and service accounts may do, in other RPCs than their own.

use sandbox::Caller;
use tonic::Code;
use usher_api::community::{
    AccessObstacle, CheckAccessRequest, CommunityKind, CreateCommunityRequest, CreateMemberRequest,
    CreateRoleRequest, DeregisterPermissionsRequest, ExplainAccessRequest, ExplainAccessResponse,
    GetMemberRequest, LeaveCommunityRequest, ListAccessibleCommunitiesRequest, ListCommunitiesRequest,
    ListEffectiveRolesRequest, ListMembersRequest, Member, PermissionCategory, Role, UpdateMemberRequest,
};

use super::{add, denied, given, holder, leave, may, permission, somebody};
use crate::support::acts::{member_name, remove_member};
use crate::support::keys::{account, give, key, may_for, named, revoke_key};
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::request_id;
use crate::support::tree::{community, grant, managed, mssp};

fn adding(place: &str, user: &str, roles: &[&str]) -> CreateMemberRequest {
    let member = Member { user: user.to_owned(), roles: given(roles), ..Member::default() };
    CreateMemberRequest { parent: place.to_owned(), member: Some(member), request_id: request_id() }
}

async fn explain(program: &str, user: &str, place: &str, permission: &str) -> ExplainAccessResponse {
    let request = ExplainAccessRequest {
        user: program.to_owned(),
        community: place.to_owned(),
        permission: permission.to_owned(),
        consistency_token: String::new(),
        on_behalf_of: user.to_owned(),
    };
    let answer = Caller::nobody().service("alerts").community().explain_access(request).await;
    answer.expect("it is explained").into_inner()
}

#[tokio::test]
async fn a_key_adds_members_within_its_permissions() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let wide = permission(PermissionCategory::Manage).await;
    let mira = Person::new("mira").await;
    let adder = key(&admin, &place, &["members.create", "members.update", "roles.list"]).await;
    let answer = adder.caller.community().create_member(adding(&place, &mira.name, &["analyst"])).await;
    let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert!(metadata["permissions"].split(',').any(|it| it == wide), "{metadata:?}");

    let narrow = crate::support::tree::role(&admin, &place, &["roles.list"]).await;
    let added = adder.caller.community().create_member(adding(&place, &mira.name, &[&narrow])).await;
    let roles = added.unwrap().into_inner().member.unwrap().roles;
    assert_eq!((roles.len(), &roles[0].granted_by), (1, &adder.key.name));
    let request = UpdateMemberRequest {
        member: Some(Member {
            name: member_name(&place, &mira.name),
            roles: given(&["admin"]),
            ..Member::default()
        }),
        ..UpdateMemberRequest::default()
    };
    let answer = adder.caller.community().update_member(request).await;
    refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
}

#[tokio::test]
async fn a_key_makes_roles_and_communities_where_it_may() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let maker = key(&admin, &tree.root, &["roles.create", "members.list", "communities.create"]).await;
    let role = |permissions: &[&str]| CreateRoleRequest {
        parent: tree.inside[0].clone(),
        role: Some(Role {
            display_name: "Reader".to_owned(),
            description: "Made for a test of keys.".to_owned(),
            permissions: named(permissions),
            ..Role::default()
        }),
        request_id: request_id(),
    };
    let mut client = maker.caller.community();
    let answer = client.create_role(role(&["members.list", "members.delete"])).await;
    let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert_eq!(metadata["permissions"], "members.delete");
    client.create_role(role(&["members.list"])).await.unwrap();
    let inside = |parent: &str| CreateCommunityRequest {
        community: Some(usher_api::community::Community {
            kind: CommunityKind::Managed.into(),
            parent_community: parent.to_owned(),
            display_name: "New".to_owned(),
            ..Default::default()
        }),
        request_id: request_id(),
    };
    client.create_community(inside(&tree.root)).await.unwrap();
    denied(client.create_community(inside("")).await, "communities.create", "communities");
}

#[tokio::test]
async fn a_key_does_nothing_beside_or_above_its_community() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let inner = key(&admin, &tree.inside[0], &["members.list"]).await;
    let list = |parent: &str| ListMembersRequest { parent: parent.to_owned(), ..Default::default() };
    inner.caller.community().list_members(list(&tree.inside[0])).await.unwrap();
    let unrelated = managed(&admin).await;
    for place in [&tree.root, &tree.inside[1], &unrelated] {
        denied(inner.caller.community().list_members(list(place)).await, "members.list", place);
        // Nor under a name that somebody made up.
        assert!(!may(&format!("{place}/apiKeys/{}", inner.key.uid), &tree.inside[0], "members.list").await);
    }
    for person in [format!("users/{}", inner.key.uid), format!("serviceAccounts/{}", inner.key.uid)] {
        assert!(!may(&person, &tree.inside[0], "members.list").await);
    }
}

#[tokio::test]
async fn a_service_that_passes_a_program_on_is_told_no_more_than_the_program() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let blind = key(&admin, &place, &["roles.list"]).await;
    let request = ListMembersRequest { parent: place.clone(), ..ListMembersRequest::default() };
    let alerts = Caller::nobody().service("alerts");
    alerts.community().list_members(request.clone()).await.unwrap();
    let passing_on = alerts.on_behalf_of(&blind.secret);
    denied(passing_on.community().list_members(request).await, "members.list", &place);
}

#[tokio::test]
async fn no_community_is_administered_by_keys_alone() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let all = ["members.list", "members.create", "members.delete", "members.suspend", "communities.update"];
    let powerful = key(&admin, &place, &all).await;
    let (account, _) = account(&admin).await;
    give(&admin, &account.name, &place, &all).await;
    let name = LeaveCommunityRequest { name: place.clone(), ..LeaveCommunityRequest::default() };
    let answer = admin.caller.community().leave_community(name).await;
    assert_eq!(refused(answer, Code::FailedPrecondition, "LAST_ADMINISTRATOR")["community"], place);
    let second = holder(&admin, &place, vec![grant(&place, &["admin"])]).await;
    leave(&admin, &place).await;
    assert!(may(&powerful.key.name, &place, "members.delete").await);
    let leaving = LeaveCommunityRequest { name: place.clone(), ..LeaveCommunityRequest::default() };
    let answer = second.caller.community().leave_community(leaving).await;
    refused(answer, Code::FailedPrecondition, "LAST_ADMINISTRATOR");
}

#[tokio::test]
async fn explanations_tell_where_it_was_given_and_what_ended_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let made = key(&admin, &tree.root, &["members.list"]).await.key;
    let place = &tree.inside[0];
    let told = explain(&made.name, "", place, "members.list").await;
    assert!(told.allowed && told.paths.len() == 1 && told.paths[0].obstacles.is_empty());
    assert_eq!((&told.paths[0].program, &told.paths[0].given_in), (&made.name, &tree.root));
    assert!(told.paths[0].role.is_none());
    let nothing = explain(&made.name, "", place, "roles.list").await;
    assert!(!nothing.allowed && nothing.paths.is_empty());
    revoke_key(&admin.caller, &made.name).await.unwrap();
    let told = explain(&made.name, "", place, "members.list").await;
    assert!(!told.allowed);
    assert_eq!(told.paths[0].obstacles, [i32::from(AccessObstacle::KeyRevoked)]);
}

#[tokio::test]
async fn on_behalf_of_a_person_an_account_does_what_both_may() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (made, key) = account(&admin).await;
    let analyst = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["manage_member"])]).await;
    let given = ["members.list", "members.delete", "communities.get", "serviceAccounts.represent"];
    give(&admin, &made.name, &tree.inside[0], &given).await;
    give(&admin, &made.name, &tree.inside[1], &["members.list"]).await;
    let (here, beside) = (&tree.inside[0], &tree.inside[1]);
    assert!(may_for(&made.name, &analyst.name, here, "members.list").await);
    // He may, the account may not; and the other way round.
    assert!(!may_for(&made.name, &analyst.name, here, "members.create").await);
    let guest = holder(&admin, &tree.root, vec![grant(here, &["guest"])]).await;
    assert!(!may_for(&made.name, &guest.name, here, "members.delete").await);
    assert!(!may_for(&made.name, &somebody(), here, "members.list").await);
    // Both may, but nobody is to be represented there.
    assert!(!may_for(&made.name, &admin.name, beside, "members.list").await);
    let told = explain(&made.name, &admin.name, beside, "members.list").await;
    assert_eq!(told.paths[0].obstacles, [i32::from(AccessObstacle::NotRepresenting)]);

    let list = |parent: &str| ListMembersRequest { parent: parent.to_owned(), ..Default::default() };
    let for_admin = key.caller.representing(&admin.name);
    key.caller.community().list_members(list(beside)).await.unwrap();
    denied(for_admin.community().list_members(list(beside)).await, "members.list", beside);
    for_admin.community().list_members(list(here)).await.unwrap();
    let victim = add(&admin, here, &Person::new("victim").await.name, &["guest"]).await;
    let request =
        usher_api::community::DeleteMemberRequest { name: victim.name.clone(), ..Default::default() };
    let for_guest = key.caller.representing(&guest.name);
    denied(for_guest.community().delete_member(request.clone()).await, "members.delete", here);
    // What the account itself may give and take is the measure, too: it does not hold all that a guest holds.
    let answer = for_admin.community().delete_member(request).await;
    refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
}

#[tokio::test]
async fn when_the_person_loses_authority_so_does_who_acts_for_him() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (made, key) = account(&admin).await;
    give(&admin, &made.name, &place, &["members.list", "serviceAccounts.represent"]).await;
    let manager = holder(&admin, &place, vec![grant(&place, &["guest"])]).await;
    let acting = key.caller.representing(&manager.name);
    let list = || ListMembersRequest { parent: place.clone(), ..Default::default() };
    acting.community().list_members(list()).await.unwrap();
    remove_member(&admin, &place, &manager.name).await;
    denied(acting.community().list_members(list()).await, "members.list", &place);
    key.caller.community().list_members(list()).await.unwrap();
}

#[tokio::test]
async fn only_service_accounts_act_on_behalf_of_people() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let made = key(&admin, &place, &["members.list", "serviceAccounts.represent"]).await;
    let list = || ListMembersRequest { parent: place.clone(), ..Default::default() };
    for caller in [&made.caller, &admin.caller, &admin.caller.service("alerts")] {
        let answer = caller.representing(&admin.name).community().list_members(list()).await;
        refused(answer, Code::PermissionDenied, "ON_BEHALF_OF_NOT_ALLOWED");
    }
    let (_, of_account) = account(&admin).await;
    let answer = of_account.caller.representing("users/me").community().list_members(list()).await;
    crate::support::refusal::refused_fields(answer, &["usher-on-behalf-of"]);
    let request = CheckAccessRequest {
        user: made.key.name,
        community: place,
        permission: "members.list".to_owned(),
        consistency_token: String::new(),
        on_behalf_of: admin.name.clone(),
    };
    let answer = admin.caller.service("alerts").community().check_access(request).await;
    crate::support::refusal::refused_fields(answer, &["on_behalf_of"]);
}

#[tokio::test]
async fn lists_hold_the_communities_that_a_program_reaches() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (deep, inner) = (
        key(&admin, &tree.root, &["roles.list"]).await,
        key(&admin, &tree.inside[0], &["members.list"]).await,
    );
    let accessible = async |caller: &Caller, user: &str, on_behalf_of: &str, permission: &str| {
        let request = ListAccessibleCommunitiesRequest {
            user: user.to_owned(),
            permission: permission.to_owned(),
            on_behalf_of: on_behalf_of.to_owned(),
            ..Default::default()
        };
        let answer = caller.community().list_accessible_communities(request).await;
        answer.map(|answer| answer.into_inner().communities)
    };
    let mut all = vec![tree.root.clone(), tree.inside[0].clone(), tree.inside[1].clone()];
    all.sort();
    assert_eq!(accessible(&deep.caller, &deep.key.name, "", "roles.list").await.unwrap(), all);
    assert!(accessible(&deep.caller, &deep.key.name, "", "members.list").await.unwrap().is_empty());
    let foreign = accessible(&deep.caller, &inner.key.name, "", "members.list").await;
    refused(foreign, Code::PermissionDenied, "PERMISSION_DENIED");
    let listed = inner.caller.community().list_communities(ListCommunitiesRequest::default()).await;
    let listed: Vec<String> =
        listed.unwrap().into_inner().communities.into_iter().map(|community| community.name).collect();
    assert_eq!(listed, [tree.inside[0].clone()]);

    let (made, _) = account(&admin).await;
    let guest = holder(&admin, &tree.root, vec![grant(&tree.inside[1], &["guest"])]).await;
    give(&admin, &made.name, &tree.root, &["roles.list", "serviceAccounts.represent"]).await;
    let service = Caller::nobody().service("alerts");
    let both = accessible(&service, &made.name, &guest.name, "roles.list").await.unwrap();
    assert_eq!(both, [tree.inside[1].clone()]);
    revoke_key(&admin.caller, &deep.key.name).await.unwrap();
    assert!(accessible(&service, &deep.key.name, "", "roles.list").await.unwrap().is_empty());
}

#[tokio::test]
async fn whoever_asks_about_others_must_see_members() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (plain, seeing) =
        (key(&admin, &place, &["roles.list"]).await, key(&admin, &place, &["members.list"]).await);
    let check = |user: &str| CheckAccessRequest {
        user: user.to_owned(),
        community: place.clone(),
        permission: "roles.list".to_owned(),
        ..Default::default()
    };
    let own = plain.caller.community().check_access(check(&plain.key.name)).await.unwrap();
    assert!(own.into_inner().allowed);
    denied(plain.caller.community().check_access(check(&admin.name)).await, "members.list", &place);
    assert!(seeing.caller.community().check_access(check(&admin.name)).await.unwrap().into_inner().allowed);
    // Nor does an account learn about people by saying that it acts for them.
    let (made, of_account) = account(&admin).await;
    give(&admin, &made.name, &place, &["roles.list"]).await;
    let acting = of_account.caller.representing(&admin.name);
    denied(acting.community().check_access(check(&admin.name)).await, "members.list", &place);
    let other = CheckAccessRequest { on_behalf_of: admin.name.clone(), ..check(&made.name) };
    denied(of_account.caller.community().check_access(other).await, "members.list", &place);
    let request = ListEffectiveRolesRequest {
        user: made.name,
        community: place.clone(),
        ..ListEffectiveRolesRequest::default()
    };
    let told = of_account.caller.community().list_effective_roles(request).await.unwrap().into_inner();
    assert!(told.roles.is_empty());
    assert_eq!(told.permissions, ["roles.list"]);
}

#[tokio::test]
async fn what_programs_hold_stays_in_the_catalogue_until_they_end() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let asked = permission(PermissionCategory::View).await;
    let made = key(&admin, &place, &["members.list", &asked]).await.key;
    let (account, _) = account(&admin).await;
    give(&admin, &account.name, &place, &[&asked]).await;
    let alerts = Caller::nobody().service("alerts");
    let deregister = || {
        let request = DeregisterPermissionsRequest { permissions: vec![asked.clone()] };
        let mut client = alerts.community();
        async move { client.deregister_permissions(request).await }
    };
    for count in ["2", "1"] {
        let metadata = refused(deregister().await, Code::FailedPrecondition, "PERMISSION_IN_USE");
        assert_eq!((&*metadata["permission"], &*metadata["program_count"]), (&*asked, count));
        assert_eq!((&*metadata["roles"], &*metadata["role_count"]), ("", "0"));
        assert!(may(&account.name, &place, &asked).await);
        if count == "2" {
            revoke_key(&admin.caller, &made.name).await.unwrap();
        }
    }
    give(&admin, &account.name, &place, &[]).await;
    deregister().await.unwrap();
    let seen = super::get_api_key::get(&admin.caller, &made.name).await.unwrap();
    assert_eq!(seen.permissions, ["members.list"]);
}

#[tokio::test]
async fn what_only_people_can_do_is_not_for_programs() {
    let admin = admin().await;
    let place = community(&admin, CommunityKind::Managed, "").await;
    let made = key(&admin, &place, &["members.list", "members.resetTwoFactor"]).await;
    let mut client = made.caller.community();
    let leaving = LeaveCommunityRequest { name: place.clone(), ..LeaveCommunityRequest::default() };
    refused(client.leave_community(leaving).await, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    let me = GetMemberRequest { name: format!("{place}/members/me") };
    refused(client.get_member(me).await, Code::Unauthenticated, "TOKEN_MISSING");
    let request = usher_api::identity::GetUserRequest { name: admin.name.clone() };
    let answer = made.caller.identity().get_user(request).await;
    refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}
