use std::collections::BTreeSet;

use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{
    AccessObstacle, AccessPath, CommunityState, DeleteRoleRequest, ExplainAccessRequest,
    ExplainAccessResponse, Inheritance, PermissionCategory,
};

use super::{alone, application, decide, enrol, holder, may, no_community, permission, somebody};
use crate::support::acts::{
    delete_community, reactivate_community, remove_member, suspend_community, suspend_member,
};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, managed, mssp, role};

const HELD: [AccessObstacle; 0] = [];
const NOT_HELD: AccessObstacle = AccessObstacle::PermissionNotHeld;
const NOT_INHERITED: AccessObstacle = AccessObstacle::NotInherited;
const MEMBER_SUSPENDED: AccessObstacle = AccessObstacle::MemberSuspended;
const COMMUNITY_SUSPENDED: AccessObstacle = AccessObstacle::CommunitySuspended;
const COMMUNITY_DELETED: AccessObstacle = AccessObstacle::CommunityDeleted;

async fn explain(
    caller: &Caller,
    user: &str,
    community: &str,
    permission: &str,
) -> Result<ExplainAccessResponse, Status> {
    let request = ExplainAccessRequest {
        user: user.to_owned(),
        community: community.to_owned(),
        permission: permission.to_owned(),
        consistency_token: String::new(),
        on_behalf_of: String::new(),
    };
    Ok(caller.community().explain_access(request).await?.into_inner())
}

/// As a service asks, who may ask about anybody.
async fn told(user: &str, community: &str, permission: &str) -> ExplainAccessResponse {
    let caller = Caller::nobody().service("alerts");
    explain(&caller, user, community, permission).await.expect("it is explained")
}

/// What stands in the way of each role, by the name of the role.
fn obstacles(answer: &ExplainAccessResponse) -> BTreeSet<(String, BTreeSet<AccessObstacle>)> {
    let of = |path: &AccessPath| (path.role.clone().unwrap().role, path.obstacles().collect());
    answer.paths.iter().map(of).collect()
}

fn expected<const N: usize>(
    paths: [(&str, &[AccessObstacle]); N],
) -> BTreeSet<(String, BTreeSet<AccessObstacle>)> {
    paths
        .into_iter()
        .map(|(role, obstacles)| (role.to_owned(), obstacles.iter().copied().collect()))
        .collect()
}

#[tokio::test]
async fn tells_each_role_and_what_keeps_it_from_counting() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (user, root, inside) = (somebody(), &tree.root, &tree.inside[0]);
    let work = permission(PermissionCategory::Manage).await;
    let worker = role(&admin, root, &[&work]).await;
    let beside = grant(&tree.inside[1], &["analyst"]);
    enrol(&admin, root, &user, vec![grant(root, &["guest", &worker]), grant(inside, &["guest"]), beside])
        .await;
    enrol(&admin, root, &user, vec![alone(root, &["analyst"])]).await;

    let answer = told(&user, inside, &work).await;
    assert!(answer.allowed && may(&user, inside, &work).await);
    assert_eq!(answer.community_state(), CommunityState::Active);
    let paths = expected([
        (&*format!("{inside}/roles/guest"), &[NOT_HELD]),
        (&*format!("{root}/roles/guest"), &[NOT_HELD]),
        (&*format!("{root}/roles/analyst"), &[NOT_INHERITED]),
        (&*worker, &HELD),
    ]);
    assert_eq!(obstacles(&answer), paths);
    // At the top nothing comes from above, and nothing from below.
    let paths = expected([
        (&*format!("{root}/roles/guest"), &[NOT_HELD]),
        (&*format!("{root}/roles/analyst"), &HELD),
        (&*worker, &HELD),
    ]);
    assert_eq!(obstacles(&told(&user, root, &work).await), paths);
}

#[tokio::test]
async fn tells_how_he_came_by_a_role() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (user, root, inside) = (somebody(), &tree.root, &tree.inside[0]);
    let custom = role(&admin, inside, &["members.list"]).await;
    let manager = holder(&admin, root, vec![grant(root, &["admin"])]).await;
    let above = application(root, &admin.name, &user, vec![grant(root, &["guest"])]);
    let here = application(root, &manager.name, &user, vec![grant(inside, &[&custom])]);
    let (first, second) = (above.invitation.clone(), here.invitation.clone());
    decide(above).await;
    decide(here).await;

    let answer = told(&user, inside, "members.list").await;
    let mut roles: Vec<_> = answer.paths.into_iter().map(|path| path.role.unwrap()).collect();
    roles.sort_by_key(|role| !role.inherited_from.is_empty());
    let [given, inherited] = roles.try_into().unwrap();
    assert_eq!((&given.role, given.inherited_from.as_str(), &given.invitation), (&custom, "", &second));
    assert_eq!((&given.granted_by, given.inheritance()), (&manager.name, Inheritance::Self_));
    assert_eq!((&inherited.inherited_from, &inherited.invitation), (root, &first));
    assert_eq!(
        (&inherited.granted_by, inherited.inheritance()),
        (&admin.name, Inheritance::SelfAndDescendants)
    );
    for role in [given, inherited] {
        assert!(role.grant_time.is_some() && !role.display_name.is_empty(), "{role:?}");
    }
}

#[tokio::test]
async fn everything_that_stands_in_the_way_is_told_together() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (user, root, inside) = (somebody(), &tree.root, &tree.inside[0]);
    enrol(&admin, root, &user, vec![alone(root, &["guest"]), grant(inside, &["admin"])]).await;
    suspend_member(&admin, root, &user).await;
    suspend_community(&admin, inside).await;
    let (above, here) = (format!("{root}/roles/guest"), format!("{inside}/roles/admin"));
    let answer = told(&user, inside, "members.delete").await;
    assert!(!answer.allowed);
    assert_eq!(answer.community_state(), CommunityState::Suspended);
    let all = [NOT_HELD, NOT_INHERITED, MEMBER_SUSPENDED, COMMUNITY_SUSPENDED];
    assert_eq!(obstacles(&answer), expected([(&*above, &all), (&*here, &[COMMUNITY_SUSPENDED])]));

    reactivate_community(&admin, inside).await;
    let answer = told(&user, inside, "members.delete").await;
    assert!(answer.allowed);
    assert_eq!(obstacles(&answer), expected([(&*above, &all[..3]), (&*here, &HELD)]));
}

#[tokio::test]
async fn a_community_is_as_stopped_as_the_one_above() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (user, root, inside) = (somebody(), &tree.root, &tree.inside[0]);
    enrol(&admin, root, &user, vec![grant(inside, &["guest"])]).await;
    let here = format!("{inside}/roles/guest");
    delete_community(&admin, root).await;
    let answer = told(&user, inside, "communities.get").await;
    assert!(!answer.allowed);
    assert_eq!(answer.community_state(), CommunityState::Deleted);
    assert_eq!(obstacles(&answer), expected([(&*here, &[COMMUNITY_DELETED])]));
}

#[tokio::test]
async fn a_deleted_community_in_a_suspended_one_has_both_obstacles() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (user, root, inside) = (somebody(), &tree.root, &tree.inside[0]);
    enrol(&admin, root, &user, vec![grant(inside, &["guest"])]).await;
    delete_community(&admin, inside).await;
    suspend_community(&admin, root).await;
    let answer = told(&user, inside, "communities.get").await;
    let here = format!("{inside}/roles/guest");
    assert_eq!(obstacles(&answer), expected([(&*here, &[COMMUNITY_SUSPENDED, COMMUNITY_DELETED])]));
}

#[tokio::test]
async fn what_was_taken_is_no_path() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (user, root, inside) = (somebody(), &tree.root, &tree.inside[0]);
    let custom = role(&admin, root, &["members.list"]).await;
    enrol(&admin, root, &user, vec![grant(root, &["guest", &custom]), grant(inside, &["guest"])]).await;
    let request = DeleteRoleRequest { name: custom, force: true, ..DeleteRoleRequest::default() };
    admin.caller.community().delete_role(request).await.unwrap();
    remove_member(&admin, inside, &user).await;
    let answer = told(&user, inside, "members.list").await;
    assert!(answer.allowed);
    assert_eq!(obstacles(&answer), expected([(&*format!("{root}/roles/guest"), &HELD)]));
    remove_member(&admin, root, &user).await;
    let answer = told(&user, inside, "members.list").await;
    assert!(!answer.allowed && answer.paths.is_empty());
}

#[tokio::test]
async fn the_unknown_have_no_path() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let answer = told(&somebody(), &place, "communities.get").await;
    assert!(!answer.allowed && answer.paths.is_empty());
    assert_eq!(answer.community_state(), CommunityState::Active);
    assert_eq!(told(&admin.name, &no_community(), "communities.get").await, ExplainAccessResponse::default());
}

#[tokio::test]
async fn aliases_ask_for_what_they_stand_for() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let by_alias = told(&admin.name, &place, "COMMUNITY_ADD_MEMBER").await;
    assert!(by_alias.allowed);
    assert_eq!(by_alias, told(&admin.name, &place, "invitations.create").await);
}

#[tokio::test]
async fn people_ask_about_themselves_and_those_they_may_list() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let guest = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["guest"])]).await;
    let stranger = Person::new("stranger").await;
    let (one, two) = (&tree.inside[0], &tree.inside[1]);
    assert!(explain(&guest.caller, &guest.name, one, "communities.get").await.unwrap().allowed);
    assert!(explain(&guest.caller, &admin.name, one, "members.delete").await.unwrap().allowed);
    let own = explain(&stranger.caller, &stranger.name, one, "communities.get").await.unwrap();
    assert!(!own.allowed && own.paths.is_empty());
    for place in [&tree.root, two, &no_community()] {
        let answer = explain(&guest.caller, &admin.name, place, "communities.get").await;
        let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&*metadata["permission"], &metadata["resource"]), ("members.list", place));
    }
    let nobody = explain(&Caller::nobody(), &admin.name, one, "communities.get").await;
    refused(nobody, Code::Unauthenticated, "TOKEN_MISSING");
}

#[tokio::test]
async fn an_unknown_permission_is_a_mistake_of_the_caller() {
    let admin = admin().await;
    let place = managed(&admin).await;
    for caller in [&admin.caller, &Caller::nobody().service("alerts")] {
        let answer = explain(caller, &admin.name, &place, "nothing.known").await;
        let metadata = refused(answer, Code::InvalidArgument, "UNKNOWN_PERMISSION");
        assert_eq!(metadata["permission"], "nothing.known");
    }
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let service = Caller::nobody().service("alerts");
    let answer = explain(&service, "users/me", "northwind", "").await;
    refused_fields(answer, &["user", "community", "permission"]);
}
