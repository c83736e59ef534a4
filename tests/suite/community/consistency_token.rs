//! The token that a write answers with, and what the checks make of it.

use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::apply_grants_response::Decision;
use usher_api::community::{
    BatchCheckAccessRequest, CheckAccessRequest, Community, CommunitySettings, CreateCommunityRequest,
    CreateMemberRequest, CreateRoleRequest, DeleteRoleRequest, DeregisterPermissionsRequest, EffectiveRole,
    ExplainAccessRequest, Inheritance, LeaveCommunityRequest, ListAccessibleCommunitiesRequest,
    ListMembersWithAccessRequest, Member, Permission, PermissionCategory, RegisterPermissionsRequest, Role,
    UpdateCommunityImageRequest, UpdateCommunityRequest, UpdateCommunitySettingsRequest, UpdateRoleRequest,
};
use uuid::Uuid;

use super::{application, decide, enrol, holder, somebody};
use crate::support::acts::{
    delete_community, reactivate_community, reactivate_member, remove_member, set_roles, suspend_community,
    suspend_member, undelete_community,
};
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::rows::forget_last_change;
use crate::support::tree::{grant, managed, mssp};

const GET: &str = "communities.get";

fn check(user: &str, community: &str, token: &str) -> CheckAccessRequest {
    CheckAccessRequest {
        user: user.to_owned(),
        community: community.to_owned(),
        permission: GET.to_owned(),
        consistency_token: token.to_owned(),
        on_behalf_of: String::new(),
    }
}

/// Whether `user` may see the community, as each RPC that takes a token says.
async fn seen_by_all(user: &str, community: &str, token: &str) -> [Result<bool, Status>; 5] {
    let service = Caller::nobody().service("alerts");
    let (name, place) = (user.to_owned(), community.to_owned());
    let (permission, consistency_token) = (GET.to_owned(), token.to_owned());
    let one = check(user, community, token);
    let batch = BatchCheckAccessRequest { checks: vec![check(user, community, "")], consistency_token };
    let explain = ExplainAccessRequest {
        user: name.clone(),
        community: place.clone(),
        permission: permission.clone(),
        consistency_token: token.to_owned(),
        on_behalf_of: String::new(),
    };
    let communities = ListAccessibleCommunitiesRequest {
        user: name.clone(),
        permission: permission.clone(),
        consistency_token: token.to_owned(),
        ..ListAccessibleCommunitiesRequest::default()
    };
    let members = ListMembersWithAccessRequest {
        community: place.clone(),
        permission,
        consistency_token: token.to_owned(),
        ..ListMembersWithAccessRequest::default()
    };
    let mut client = service.community();
    [
        client.check_access(one).await.map(|it| it.into_inner().allowed),
        client.batch_check_access(batch).await.map(|it| it.into_inner().results[0].allowed),
        client.explain_access(explain).await.map(|it| it.into_inner().allowed),
        client
            .list_accessible_communities(communities)
            .await
            .map(|it| it.into_inner().communities.contains(&place)),
        client.list_members_with_access(members).await.map(|it| it.into_inner().users.contains(&name)),
    ]
}

/// Requires that all say `expected`.
async fn assert_seen(user: &str, community: &str, token: &str, expected: bool) {
    assert!(!token.is_empty(), "a write answers with a token");
    for answer in seen_by_all(user, community, token).await {
        assert_eq!(answer.expect("it is answered"), expected);
    }
}

#[tokio::test]
async fn a_check_that_begins_after_the_answer_sees_the_write() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (user, inside) = (somebody(), &tree.inside[0]);
    enrol(&admin, &tree.root, &user, vec![grant(&tree.root, &["guest"])]).await;
    for _ in 0..5 {
        let token = suspend_member(&admin, &tree.root, &user).await;
        assert_seen(&user, inside, &token, false).await;
        let token = reactivate_member(&admin, &tree.root, &user).await;
        assert_seen(&user, inside, &token, true).await;
        let token = suspend_community(&admin, &tree.root).await;
        assert_seen(&user, inside, &token, false).await;
        let token = reactivate_community(&admin, &tree.root).await;
        assert_seen(&user, inside, &token, true).await;
    }
}

#[tokio::test]
async fn a_database_that_went_back_does_not_answer() {
    let admin = admin().await;
    let (tree, other) = (mssp(&admin, 1).await, managed(&admin).await);
    let (user, inside) = (somebody(), &tree.inside[0]);
    enrol(&admin, &tree.root, &user, vec![grant(inside, &["guest"])]).await;
    let elsewhere = suspend_community(&admin, &other).await;
    let token = suspend_member(&admin, inside, &user).await;
    forget_last_change(&tree.root).await;
    for answer in seen_by_all(&user, inside, &token).await {
        refused(answer, Code::Unavailable, "CONSISTENCY_NOT_REACHED");
    }
    // Whoever asks for no write, or for one that is there, is answered.
    for token in ["", &elsewhere] {
        for answer in seen_by_all(&user, inside, token).await {
            assert!(!answer.unwrap());
        }
    }
    // The next change of the tree is as new.
    let later = reactivate_member(&admin, inside, &user).await;
    assert_seen(&user, inside, &token, true).await;
    assert_seen(&user, inside, &later, true).await;
}

#[tokio::test]
async fn a_token_that_was_not_made_here_is_a_mistake_of_the_caller() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = somebody();
    let good = suspend_community(&admin, &place).await;
    for bad in [format!("{good}A"), good[1..].to_owned(), good.to_uppercase(), "northwind".to_owned()] {
        for answer in seen_by_all(&user, &place, &bad).await {
            refused(answer, Code::InvalidArgument, "CONSISTENCY_TOKEN_INVALID");
        }
    }
}

#[tokio::test]
async fn a_page_token_is_no_consistency_token() {
    let admin = admin().await;
    let place = managed(&admin).await;
    enrol(&admin, &place, &somebody(), vec![grant(&place, &["guest"])]).await;
    let request = ListMembersWithAccessRequest {
        community: place.clone(),
        permission: GET.to_owned(),
        page_size: 1,
        ..ListMembersWithAccessRequest::default()
    };
    let page = admin.caller.community().list_members_with_access(request).await.unwrap().into_inner();
    let answer =
        admin.caller.community().check_access(check(&admin.name, &place, &page.next_page_token)).await;
    refused(answer, Code::InvalidArgument, "CONSISTENCY_TOKEN_INVALID");
}

#[tokio::test]
async fn in_a_batch_the_token_of_the_batch_counts() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (checks, consistency_token) = (vec![check(&admin.name, &place, "northwind")], String::new());
    let request = BatchCheckAccessRequest { checks, consistency_token };
    let answer = admin.caller.community().batch_check_access(request).await.unwrap().into_inner();
    assert!(answer.results[0].allowed);
}

#[tokio::test]
async fn authority_comes_before_the_token() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let stranger = Person::new("stranger").await;
    let answer = stranger.caller.community().check_access(check(&admin.name, &place, "northwind")).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn every_change_of_a_community_answers_with_one() {
    let admin = admin().await;
    let (user, mut client) = (&somebody(), admin.caller.community());
    let community = Community { display_name: "Northwind".to_owned(), ..Community::default() };
    let kind = usher_api::community::CommunityKind::Managed.into();
    let request = CreateCommunityRequest {
        community: Some(Community { kind, ..community.clone() }),
        ..CreateCommunityRequest::default()
    };
    let made = client.create_community(request).await.unwrap().into_inner();
    let place = made.community.unwrap().name;
    enrol(&admin, &place, user, vec![grant(&place, &["guest"])]).await;
    assert_seen(user, &place, &made.consistency_token, true).await;

    let community = Some(Community { name: place.clone(), ..community });
    let request = UpdateCommunityRequest { community, ..UpdateCommunityRequest::default() };
    let token = client.update_community(request).await.unwrap().into_inner().consistency_token;
    assert_seen(user, &place, &token, true).await;
    let request =
        UpdateCommunityImageRequest { name: place.clone(), ..UpdateCommunityImageRequest::default() };
    let token = client.update_community_image(request).await.unwrap().into_inner().consistency_token;
    assert_seen(user, &place, &token, true).await;
    let settings = CommunitySettings {
        name: format!("{place}/settings"),
        seat_limit: 9,
        ..CommunitySettings::default()
    };
    let request = UpdateCommunitySettingsRequest {
        settings: Some(settings),
        ..UpdateCommunitySettingsRequest::default()
    };
    let token = client.update_community_settings(request).await.unwrap().into_inner().consistency_token;
    assert_seen(user, &place, &token, true).await;

    assert_seen(user, &place, &suspend_community(&admin, &place).await, false).await;
    assert_seen(user, &place, &reactivate_community(&admin, &place).await, true).await;
    assert_seen(user, &place, &delete_community(&admin, &place).await, false).await;
    assert_seen(user, &place, &undelete_community(&admin, &place).await, true).await;
}

#[tokio::test]
async fn every_change_of_a_membership_answers_with_one() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let newcomer = Person::new("newcomer").await;
    let roles = vec![EffectiveRole { role: "guest".to_owned(), ..EffectiveRole::default() }];
    let member = Some(Member { user: newcomer.name.clone(), roles, ..Member::default() });
    let request = CreateMemberRequest { parent: place.clone(), member, ..CreateMemberRequest::default() };
    let token = admin.caller.community().create_member(request).await.unwrap().into_inner().consistency_token;
    assert_seen(&newcomer.name, &place, &token, true).await;
    let roles = [("analyst".to_owned(), Inheritance::Self_)];
    let user = &newcomer.name;
    assert_seen(user, &place, &set_roles(&admin, &place, user, roles).await, true).await;
    assert_seen(user, &place, &suspend_member(&admin, &place, user).await, false).await;
    assert_seen(user, &place, &reactivate_member(&admin, &place, user).await, true).await;
    assert_seen(user, &place, &remove_member(&admin, &place, user).await, false).await;

    let grants = vec![grant(&place, &["guest"])];
    let Decision::Applied(applied) = decide(application(&place, &admin.name, user, grants)).await else {
        panic!("refused");
    };
    assert_seen(user, &place, &applied.consistency_token, true).await;
    let request = LeaveCommunityRequest { name: place.clone(), ..LeaveCommunityRequest::default() };
    let token = newcomer.caller.community().leave_community(request).await.unwrap().into_inner();
    assert_seen(user, &place, &token.consistency_token, false).await;
}

#[tokio::test]
async fn every_change_of_a_role_answers_with_one() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mut client = admin.caller.community();
    let role = |name: &str, permissions: &[&str]| Role {
        name: name.to_owned(),
        display_name: "Looker".to_owned(),
        description: "Made for a test of tokens.".to_owned(),
        permissions: permissions.iter().map(|permission| (*permission).to_owned()).collect(),
        ..Role::default()
    };
    let request = CreateRoleRequest {
        parent: place.clone(),
        role: Some(role("", &["members.list"])),
        ..CreateRoleRequest::default()
    };
    let made = client.create_role(request).await.unwrap().into_inner();
    let name = made.role.unwrap().name;
    let user = holder(&admin, &place, vec![grant(&place, &[&name])]).await.name;
    assert_seen(&user, &place, &made.consistency_token, false).await;
    let request = UpdateRoleRequest { role: Some(role(&name, &[GET])), ..UpdateRoleRequest::default() };
    let token = client.update_role(request).await.unwrap().into_inner().consistency_token;
    assert_seen(&user, &place, &token, true).await;
    let request = DeleteRoleRequest { name, force: true, ..DeleteRoleRequest::default() };
    let token = client.delete_role(request).await.unwrap().into_inner().consistency_token;
    assert_seen(&user, &place, &token, false).await;
}

#[tokio::test]
async fn every_change_of_the_catalogue_answers_with_one() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (user, service) = (somebody(), Caller::nobody().service("alerts"));
    enrol(&admin, &place, &user, vec![grant(&place, &["guest"])]).await;
    let name = format!("t{}.do", Uuid::new_v4().simple());
    let permission = Permission {
        name: name.clone(),
        category: PermissionCategory::View.into(),
        description: "Something that a test checks.".to_owned(),
        ..Permission::default()
    };
    let request = RegisterPermissionsRequest { permissions: vec![permission] };
    let token =
        service.community().register_permissions(request).await.unwrap().into_inner().consistency_token;
    assert_seen(&user, &place, &token, true).await;
    let mut asked = CheckAccessRequest { permission: name.clone(), ..check(&user, &place, &token) };
    assert!(service.community().check_access(asked.clone()).await.unwrap().into_inner().allowed);

    let request = DeregisterPermissionsRequest { permissions: vec![name] };
    let answer = service.community().deregister_permissions(request).await.unwrap().into_inner();
    assert_seen(&user, &place, &answer.consistency_token, true).await;
    asked.consistency_token = answer.consistency_token;
    refused(service.community().check_access(asked).await, Code::InvalidArgument, "UNKNOWN_PERMISSION");
}
