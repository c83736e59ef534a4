use futures::future::join_all;
use prost_types::FieldMask;
use tonic::{Code, Status};
use usher_api::community::{CreateRoleRequest, PermissionCategory, Role, UpdateRoleRequest};
use uuid::Uuid;

use super::{alone, denied, enrol, holder, may, no_community, outsiders, permission, role_now, somebody};
use crate::support::acts::{delete_community, suspend_community};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{grant, managed, mssp, role};

const PERMISSION: &str = "roles.update";

/// A request to change the fields that are set in `changed`.
fn request(name: &str, changed: Role) -> UpdateRoleRequest {
    UpdateRoleRequest {
        role: Some(Role { name: name.to_owned(), ..changed }),
        update_mask: None,
        request_id: request_id(),
    }
}

fn masked(name: &str, changed: Role, mask: &[&str]) -> UpdateRoleRequest {
    let paths = mask.iter().map(|path| (*path).to_owned()).collect();
    UpdateRoleRequest { update_mask: Some(FieldMask { paths }), ..request(name, changed) }
}

fn called(display_name: &str) -> Role {
    Role { display_name: display_name.to_owned(), ..Role::default() }
}

fn holding(permissions: &[&str]) -> Role {
    let permissions = permissions.iter().map(|permission| (*permission).to_owned()).collect();
    Role { permissions, ..Role::default() }
}

async fn update(actor: &Person, request: UpdateRoleRequest) -> Result<Role, Status> {
    Ok(actor.caller.community().update_role(request).await?.into_inner().role.expect("it comes"))
}

/// Makes a role that people read under this name.
async fn make(actor: &Person, community: &str, display_name: &str) -> String {
    let description = "Made for a test of names.".to_owned();
    let role =
        Role { description, ..Role { display_name: display_name.to_owned(), ..holding(&["roles.list"]) } };
    let request =
        CreateRoleRequest { parent: community.to_owned(), role: Some(role), request_id: request_id() };
    let answer = actor.caller.community().create_role(request).await;
    answer.expect("the role is made").into_inner().role.expect("it comes").name
}

#[tokio::test]
async fn changes_what_is_named_and_nothing_else() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let triage = role(&admin, &place, &["communities.get"]).await;
    let before = role_now(&triage).await;

    let renamed = update(&admin, request(&triage, called(" Triage "))).await.unwrap();
    let expected = Role {
        display_name: "Triage".to_owned(),
        etag: renamed.etag.clone(),
        update_time: renamed.update_time,
        ..before.clone()
    };
    assert_eq!(renamed, expected);
    assert_ne!(renamed.etag, before.etag);

    let all =
        Role { description: "Looks after alerts.".to_owned(), ..holding(&["roles.list", "members.list"]) };
    let changed = update(&admin, masked(&triage, all.clone(), &["description"])).await.unwrap();
    assert_eq!((&changed.description, &changed.permissions), (&all.description, &before.permissions));
    let changed = update(&admin, masked(&triage, all, &["permissions"])).await.unwrap();
    assert_eq!(changed.permissions, ["members.list", "roles.list"]);
    assert_eq!((&*changed.display_name, changed.create_time), ("Triage", before.create_time));
    assert_eq!(role_now(&triage).await, changed);
}

#[tokio::test]
async fn whoever_holds_it_gains_and_loses_at_once() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let work = permission(PermissionCategory::Manage).await;
    let triage = role(&admin, root, &["communities.get"]).await;
    let (everywhere, here) = (somebody(), somebody());
    enrol(&admin, root, &everywhere, vec![grant(root, &[&triage])]).await;
    enrol(&admin, root, &here, vec![grant(one, &[&triage])]).await;

    update(&admin, request(&triage, holding(&[&work]))).await.unwrap();
    for (user, place) in [(&everywhere, root), (&everywhere, one), (&everywhere, two), (&here, one)] {
        assert!(may(user, place, &work).await && !may(user, place, "communities.get").await, "{place}");
    }
    assert!(!may(&here, root, &work).await && !may(&here, two, &work).await);
    update(&admin, request(&triage, holding(&["communities.get"]))).await.unwrap();
    for (user, place) in [(&everywhere, root), (&everywhere, two), (&here, one)] {
        assert!(!may(user, place, &work).await && may(user, place, "communities.get").await, "{place}");
    }
}

#[tokio::test]
async fn its_editor_needs_what_it_gains_and_nothing_of_what_it_has_or_loses() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let strong = role(&admin, &place, &["members.delete", "members.update", "roles.list"]).await;
    let editor = holder(&admin, &place, vec![grant(&place, &["manage_roles"])]).await;
    update(&editor, request(&strong, called("Strong"))).await.unwrap();
    let same = holding(&["members.delete", "members.update", "roles.list", "roles.assign"]);
    update(&editor, request(&strong, same)).await.unwrap();
    update(&editor, request(&strong, holding(&["members.update", "communities.get"]))).await.unwrap();

    // What it had before is a gain like any other.
    let more = ["members.update", "members.delete", "communities.get", "members.suspend", "roles.create"];
    let answer = update(&editor, request(&strong, holding(&more))).await;
    let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert_eq!((&metadata["community"], &metadata["role"]), (&place, &strong));
    assert_eq!(metadata["permissions"], "members.delete,members.suspend");
    assert_eq!(role_now(&strong).await.permissions, ["communities.get", "members.update"]);
}

#[tokio::test]
async fn nobody_raises_himself_by_a_role_that_he_holds() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let own = role(&admin, &place, &["roles.update", "roles.list"]).await;
    let editor = holder(&admin, &place, vec![grant(&place, &[&own])]).await;
    let answer = update(&editor, request(&own, holding(&["roles.update", "members.delete"]))).await;
    let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert_eq!(metadata["permissions"], "members.delete");
    update(&editor, request(&own, holding(&["roles.update"]))).await.unwrap();
    assert!(!may(&editor.name, &place, "members.delete").await);
}

#[tokio::test]
async fn at_the_top_its_editor_must_hold_it_inside_too() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let triage = role(&admin, &tree.root, &["communities.get", "roles.list"]).await;
    let outer = holder(&admin, &tree.root, vec![alone(&tree.root, &["admin"])]).await;
    let answer = update(&outer, request(&triage, holding(&["communities.get", "members.list"]))).await;
    let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert_eq!((&metadata["community"], &metadata["role"]), (&tree.root, &triage));
    assert_eq!(metadata["permissions"], "members.list");
    update(&outer, request(&triage, holding(&["communities.get"]))).await.unwrap();
}

#[tokio::test]
async fn permissions_must_be_in_the_catalogue_and_may_be_named_by_an_alias() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let triage = role(&admin, &place, &["communities.get"]).await;
    let answer = update(&admin, request(&triage, holding(&["roles.list", "nothing.known"]))).await;
    assert_eq!(refused(answer, Code::InvalidArgument, "UNKNOWN_PERMISSION")["permission"], "nothing.known");
    let aliases =
        ["COMMUNITY_REMOVE_MEMBER", "members.delete", "COMMUNITY_ADD_MEMBER", "COMMUNITY_LIST_MEMBER"];
    let changed = update(&admin, request(&triage, holding(&aliases))).await.unwrap();
    assert_eq!(changed.permissions, ["invitations.create", "members.delete", "members.list"]);
}

#[tokio::test]
async fn a_name_is_taken_however_it_is_spelled_except_by_the_role_itself() {
    let admin = admin().await;
    let (place, other) = (managed(&admin).await, managed(&admin).await);
    let reviewer = make(&admin, &place, "Réviseur").await;
    let triage = make(&admin, &place, "Triage").await;
    let answer = update(&admin, request(&triage, called("RE\u{301}VISEUR"))).await;
    assert_eq!(refused(answer, Code::AlreadyExists, "ROLE_NAME_TAKEN")["role"], reviewer);
    let answer = update(&admin, request(&triage, called("manage MEMBERS"))).await;
    let taken = refused(answer, Code::AlreadyExists, "ROLE_NAME_TAKEN");
    assert_eq!(taken["role"], format!("{place}/roles/manage_member"));
    assert_eq!(role_now(&triage).await.display_name, "Triage");

    update(&admin, request(&triage, called("TRIAGE"))).await.unwrap();
    let elsewhere = make(&admin, &other, "Worker").await;
    update(&admin, request(&elsewhere, called("Réviseur"))).await.unwrap();
}

#[tokio::test]
async fn built_in_roles_stay_as_they_are() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    for place in [&tree.root, &tree.inside[0]] {
        for id in [
            "guest",
            "analyst",
            "admin",
            "manage_member",
            "manage_roles",
            "manage_community",
            "manage_api_keys",
        ] {
            let name = format!("{place}/roles/{id}");
            let answer = update(&admin, request(&name, called("Mine"))).await;
            assert_eq!(refused(answer, Code::FailedPrecondition, "ROLE_BUILT_IN")["role"], name);
        }
    }
}

#[tokio::test]
async fn it_is_found_under_its_own_name_only() {
    let admin = admin().await;
    let (tree, unrelated) = (mssp(&admin, 2).await, managed(&admin).await);
    let (above, inside) = (
        role(&admin, &tree.root, &["communities.get"]).await,
        role(&admin, &tree.inside[0], &["communities.get"]).await,
    );
    let names = [
        above.replace(&tree.root, &tree.inside[0]),
        inside.replace(&tree.inside[0], &tree.root),
        inside.replace(&tree.inside[0], &tree.inside[1]),
        inside.replace(&tree.inside[0], &unrelated),
        format!("{unrelated}/roles/{}", Uuid::new_v4()),
        format!("{unrelated}/roles/owner"),
    ];
    for name in names {
        let answer = update(&admin, request(&name, called("Mine"))).await;
        assert_eq!(refused(answer, Code::NotFound, "ROLE_NOT_FOUND")["role"], name);
    }
}

#[tokio::test]
async fn refuses_whoever_may_not_change_roles_there() {
    let admin = admin().await;
    let (tree, nowhere) = (mssp(&admin, 2).await, no_community());
    let place = &tree.inside[0];
    let (above, inside) =
        (role(&admin, &tree.root, &["roles.list"]).await, role(&admin, place, &["roles.list"]).await);
    for outsider in outsiders(&admin, &tree).await {
        denied(update(&outsider, request(&inside, called("Mine"))).await, PERMISSION, place);
        // Authority comes before the rest.
        denied(
            update(&outsider, masked(&inside, called(""), &["display_name", "etag"])).await,
            PERMISSION,
            place,
        );
    }
    let inner = holder(&admin, &tree.root, vec![grant(place, &["admin"])]).await;
    let elsewhere = inside.replace(place, &tree.inside[1]);
    let missing = format!("{nowhere}/roles/guest");
    for (name, place) in [(&above, &tree.root), (&elsewhere, &tree.inside[1]), (&missing, &nowhere)] {
        denied(update(&inner, request(name, called("Mine"))).await, PERMISSION, place);
    }
    denied(update(&admin, request(&missing, called("Mine"))).await, PERMISSION, &nowhere);
    update(&inner, request(&inside, called("Mine"))).await.unwrap();
}

/// Only who would have the authority is told that the community is stopped.
async fn is_stopped(admin: &Person, worker: &Person, role: &str, (place, state): (&str, &str)) {
    let answer = update(admin, request(role, called("Mine"))).await;
    let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
    assert_eq!((&*metadata["community"], &*metadata["state"]), (place, state));
    denied(update(worker, request(role, called("Mine"))).await, PERMISSION, place);
}

#[tokio::test]
async fn nothing_is_changed_where_the_community_is_stopped() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let roles = [
        role(&admin, &tree.inside[0], &["roles.list"]).await,
        role(&admin, &tree.inside[1], &["roles.list"]).await,
    ];
    let worker = holder(&admin, &tree.root, vec![grant(&tree.root, &["analyst"])]).await;
    delete_community(&admin, &tree.inside[1]).await;
    is_stopped(&admin, &worker, &roles[1], (&tree.inside[1], "DELETED")).await;
    suspend_community(&admin, &tree.root).await;
    is_stopped(&admin, &worker, &roles[0], (&tree.inside[0], "SUSPENDED")).await;
}

#[tokio::test]
async fn of_many_who_saw_the_same_role_one_changes_it() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let triage = role(&admin, &place, &["roles.list"]).await;
    let seen = role_now(&triage).await.etag;
    let attempt = |number| Role { etag: seen.clone(), ..called(&format!("Number {number}")) };
    let attempts = (0..8).map(|number| update(&admin, request(&triage, attempt(number))));
    let (changed, late): (Vec<_>, Vec<_>) = join_all(attempts).await.into_iter().partition(Result::is_ok);
    assert_eq!(changed.len(), 1);
    for answer in late {
        assert_eq!(refused(answer, Code::Aborted, "ETAG_MISMATCH")["resource"], triage);
    }
    let now = role_now(&triage).await;
    assert_eq!(&now, changed[0].as_ref().unwrap());
    update(&admin, request(&triage, Role { etag: now.etag, ..called("Last") })).await.unwrap();
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let triage = role(&admin, &place, &["roles.list"]).await;
    let bad = Role { description: "too short".to_owned(), ..called("a\u{7}b") };
    let mask = ["display_name", "description", "permissions", "built_in"];
    let mut wrong = masked(&triage, bad, &mask);
    wrong.request_id = "42".to_owned();
    let fields = ["role.display_name", "role.description", "role.permissions", "update_mask", "request_id"];
    refused_fields(update(&admin, wrong).await, &fields);
    let many = holding(&vec!["roles.list"; 201]);
    refused_fields(update(&admin, request(&triage, many)).await, &["role.permissions"]);
    for name in ["", "roles/guest", &place] {
        refused_fields(update(&admin, request(name, called("Mine"))).await, &["role.name"]);
    }
    refused_fields(update(&admin, UpdateRoleRequest::default()).await, &["role.name"]);
}

#[tokio::test]
async fn a_repeated_request_changes_nothing_more() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let triage = role(&admin, &place, &["roles.list"]).await;
    let first = request(&triage, called("First"));
    let (one, two) = tokio::join!(update(&admin, first.clone()), update(&admin, first.clone()));
    let changed = one.unwrap();
    assert_eq!(two.unwrap(), changed);
    let second = update(&admin, request(&triage, called("Second"))).await.unwrap();
    assert_eq!(update(&admin, first.clone()).await.unwrap(), changed);
    assert_eq!(role_now(&triage).await, second);
    let reused =
        UpdateRoleRequest { request_id: first.request_id.clone(), ..request(&triage, called("Third")) };
    let metadata = refused(update(&admin, reused).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(metadata["request_id"], first.request_id);
}
