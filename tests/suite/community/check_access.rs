use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{CheckAccessRequest, CommunityKind, PermissionCategory};

use super::{alone, enrol, holder, may, no_community, permission, somebody};
use crate::support::acts::{
    delete_community, reactivate_community, reactivate_member, remove_member, suspend_community,
    suspend_member, undelete_community,
};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{community, grant, managed, mssp, role};

async fn check(caller: &Caller, user: &str, community: &str, permission: &str) -> Result<bool, Status> {
    let request = CheckAccessRequest {
        user: user.to_owned(),
        community: community.to_owned(),
        permission: permission.to_owned(),
        consistency_token: String::new(),
        on_behalf_of: String::new(),
    };
    Ok(caller.community().check_access(request).await?.into_inner().allowed)
}

/// In which of the places the user may look and may work, such as `"rw r- --"`.
async fn reach(user: &str, places: &[&String], work: &str) -> String {
    let mut found = Vec::new();
    for place in places {
        let looks = if may(user, place, "communities.get").await { 'r' } else { '-' };
        let works = if may(user, place, work).await { 'w' } else { '-' };
        found.push(format!("{looks}{works}"));
    }
    found.join(" ")
}

#[tokio::test]
async fn roles_count_where_they_were_given_and_below_if_they_inherit() {
    let admin = admin().await;
    let (tree, plain) = (mssp(&admin, 2).await, managed(&admin).await);
    let work = permission(PermissionCategory::Manage).await;
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let worker = role(&admin, root, &[&work]).await;
    let cases = [
        (vec![], "-- -- -- --"),
        (vec![grant(root, &["analyst"])], "rw rw rw --"),
        (vec![alone(root, &["analyst"])], "rw -- -- --"),
        (vec![grant(one, &["analyst"])], "-- rw -- --"),
        (vec![grant(one, &["guest"]), grant(two, &["analyst"])], "-- r- rw --"),
        // What is given inside adds to what comes from above.
        (vec![grant(root, &["guest"]), grant(two, &["analyst"])], "r- r- rw --"),
        (vec![alone(root, &["analyst"]), grant(one, &["guest"])], "rw r- -- --"),
        (vec![grant(root, &[&worker])], "-w -w -w --"),
        (vec![alone(root, &["guest"]), grant(one, &[&worker])], "r- -w -- --"),
    ];
    for (grants, expected) in cases {
        let user = somebody();
        if !grants.is_empty() {
            enrol(&admin, root, &user, grants.clone()).await;
        }
        assert_eq!(reach(&user, &[root, one, two, &plain], &work).await, expected, "{grants:?}");
    }
}

#[tokio::test]
async fn a_community_made_later_is_reached_from_above() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (everywhere, inside) = (somebody(), somebody());
    enrol(&admin, &tree.root, &everywhere, vec![grant(&tree.root, &["guest"])]).await;
    enrol(&admin, &tree.root, &inside, vec![grant(&tree.inside[0], &["guest"])]).await;
    let later = community(&admin, CommunityKind::Managed, &tree.root).await;
    assert!(may(&everywhere, &later, "communities.get").await);
    assert!(!may(&inside, &later, "communities.get").await);
}

#[tokio::test]
async fn a_suspended_member_loses_what_he_was_given_there_and_nothing_else() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let work = permission(PermissionCategory::Manage).await;
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let user = somebody();
    enrol(&admin, root, &user, vec![grant(root, &["guest"]), grant(one, &["analyst"])]).await;
    let places = [root, one, two];
    assert_eq!(reach(&user, &places, &work).await, "r- rw r-");

    suspend_member(&admin, one, &user).await;
    assert_eq!(reach(&user, &places, &work).await, "r- r- r-");
    suspend_member(&admin, root, &user).await;
    assert_eq!(reach(&user, &places, &work).await, "-- -- --");
    reactivate_member(&admin, one, &user).await;
    assert_eq!(reach(&user, &places, &work).await, "-- rw --");
    reactivate_member(&admin, root, &user).await;
    assert_eq!(reach(&user, &places, &work).await, "r- rw r-");
}

#[tokio::test]
async fn a_removed_member_keeps_what_he_has_elsewhere() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let work = permission(PermissionCategory::Manage).await;
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let user = somebody();
    enrol(&admin, root, &user, vec![grant(root, &["guest"]), grant(one, &["analyst"])]).await;
    remove_member(&admin, one, &user).await;
    assert_eq!(reach(&user, &[root, one, two], &work).await, "r- r- r-");
    enrol(&admin, root, &user, vec![grant(two, &["analyst"])]).await;
    remove_member(&admin, root, &user).await;
    assert_eq!(reach(&user, &[root, one, two], &work).await, "-- -- rw");
}

#[tokio::test]
async fn in_a_community_that_is_stopped_nobody_is_allowed_anything() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let work = permission(PermissionCategory::Manage).await;
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let user = somebody();
    enrol(&admin, root, &user, vec![grant(root, &["guest"]), grant(one, &["analyst"])]).await;
    let places = [root, one, two];

    suspend_community(&admin, one).await;
    assert_eq!(reach(&user, &places, &work).await, "r- -- r-");
    assert!(!may(&admin.name, one, "communities.update").await);
    reactivate_community(&admin, one).await;
    assert_eq!(reach(&user, &places, &work).await, "r- rw r-");
    delete_community(&admin, two).await;
    assert_eq!(reach(&user, &places, &work).await, "r- rw --");
    undelete_community(&admin, two).await;
    assert_eq!(reach(&user, &places, &work).await, "r- rw r-");
}

#[tokio::test]
async fn a_main_community_that_is_stopped_stops_all_inside() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let work = permission(PermissionCategory::Manage).await;
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let user = somebody();
    enrol(&admin, root, &user, vec![grant(root, &["guest"]), grant(one, &["analyst"])]).await;
    let places = [root, one, two];
    // What was stopped before stays so when the main community comes back.
    suspend_community(&admin, two).await;

    suspend_community(&admin, root).await;
    assert_eq!(reach(&user, &places, &work).await, "-- -- --");
    assert!(!may(&admin.name, one, "communities.get").await);
    reactivate_community(&admin, root).await;
    assert_eq!(reach(&user, &places, &work).await, "r- rw --");
    delete_community(&admin, root).await;
    assert_eq!(reach(&user, &places, &work).await, "-- -- --");
    undelete_community(&admin, root).await;
    assert_eq!(reach(&user, &places, &work).await, "r- rw --");
    reactivate_community(&admin, two).await;
    assert_eq!(reach(&user, &places, &work).await, "r- rw r-");
}

#[tokio::test]
async fn who_is_suspended_still_asks_about_himself() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let guest = holder(&admin, &place, vec![grant(&place, &["guest"])]).await;
    assert!(check(&guest.caller, &guest.name, &place, "communities.get").await.unwrap());
    suspend_member(&admin, &place, &guest.name).await;
    assert!(!check(&guest.caller, &guest.name, &place, "communities.get").await.unwrap());
    let answer = check(&guest.caller, &admin.name, &place, "communities.get").await;
    let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!((&*metadata["permission"], &metadata["resource"]), ("members.list", &place));
}

#[tokio::test]
async fn aliases_ask_for_what_they_stand_for() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manager = somebody();
    enrol(&admin, &place, &manager, vec![grant(&place, &["manage_members"])]).await;
    for alias in ["COMMUNITY_ADD_MEMBER", "COMMUNITY_LIST_MEMBER", "COMMUNITY_REMOVE_MEMBER"] {
        assert!(may(&manager, &place, alias).await, "{alias}");
        assert!(!may(&somebody(), &place, alias).await, "{alias}");
    }
}

#[tokio::test]
async fn people_ask_about_themselves_and_those_they_may_list() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let guest = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["guest"])]).await;
    let stranger = Person::new("stranger").await;
    assert!(check(&guest.caller, &admin.name, &tree.inside[0], "members.delete").await.unwrap());
    assert!(!check(&guest.caller, &stranger.name, &tree.inside[0], "communities.get").await.unwrap());
    assert!(!check(&stranger.caller, &stranger.name, &tree.inside[0], "communities.get").await.unwrap());
    for place in [&tree.root, &tree.inside[1], &no_community()] {
        let answer = check(&guest.caller, &admin.name, place, "communities.get").await;
        let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&*metadata["permission"], &metadata["resource"]), ("members.list", place));
    }
    let nobody = check(&Caller::nobody(), &admin.name, &tree.root, "communities.get").await;
    refused(nobody, Code::Unauthenticated, "TOKEN_MISSING");
}

#[tokio::test]
async fn the_unknown_are_not_allowed_anything() {
    let admin = admin().await;
    let place = managed(&admin).await;
    assert!(!may(&somebody(), &place, "communities.get").await);
    assert!(!may(&admin.name, &no_community(), "communities.get").await);
}

#[tokio::test]
async fn an_unknown_permission_is_a_mistake_of_the_caller() {
    let admin = admin().await;
    let place = managed(&admin).await;
    for caller in [&admin.caller, &Caller::nobody().service("alerts")] {
        let answer = check(caller, &admin.name, &place, "nothing.known").await;
        assert_eq!(
            refused(answer, Code::InvalidArgument, "UNKNOWN_PERMISSION")["permission"],
            "nothing.known"
        );
    }
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let service = Caller::nobody().service("alerts");
    refused_fields(check(&service, "users/me", "northwind", "").await, &["user", "community", "permission"]);
}
