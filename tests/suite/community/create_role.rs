use futures::future::join_all;
use tonic::{Code, Status};
use usher_api::community::{CreateRoleRequest, GetRoleRequest, PermissionCategory, Role};
use uuid::Uuid;

use super::{alone, enrol, holder, may, no_community, permission, somebody};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{grant, managed, mssp};

fn request(parent: &str, display_name: &str, permissions: &[&str]) -> CreateRoleRequest {
    let role = Role {
        display_name: display_name.to_owned(),
        description: "Made for a test of roles.".to_owned(),
        permissions: permissions.iter().map(|permission| (*permission).to_owned()).collect(),
        ..Role::default()
    };
    CreateRoleRequest { parent: parent.to_owned(), role: Some(role), request_id: request_id() }
}

async fn create(maker: &Person, request: CreateRoleRequest) -> Result<Role, Status> {
    Ok(maker.caller.community().create_role(request).await?.into_inner().role.expect("it comes"))
}

#[tokio::test]
async fn makes_a_role_out_of_permissions() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let close = permission(PermissionCategory::Manage).await;
    let asked = [
        "roles.list",
        "COMMUNITY_ADD_MEMBER",
        &close,
        "COMMUNITY_LIST_MEMBER",
        "COMMUNITY_REMOVE_MEMBER",
        "roles.list",
    ];
    let made = create(&admin, request(&place, " Triage ", &asked)).await.unwrap();
    let mut expected = vec!["invitations.create", "members.delete", "members.list", "roles.list", &close];
    expected.sort_unstable();
    assert_eq!((made.display_name.as_str(), made.built_in), ("Triage", false));
    assert_eq!(made.permissions, expected);
    assert!(made.name.starts_with(&format!("{place}/roles/")) && !made.etag.is_empty());
    let found = admin.caller.community().get_role(GetRoleRequest { name: made.name.clone() }).await.unwrap();
    assert_eq!(found.into_inner().role.unwrap(), made);

    let holder = somebody();
    enrol(&admin, &place, &holder, vec![grant(&place, &[&made.name])]).await;
    assert!(may(&holder, &place, &close).await);
    assert!(!may(&holder, &place, "communities.get").await);
}

#[tokio::test]
async fn holds_only_what_its_maker_holds() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manage = permission(PermissionCategory::Manage).await;
    let maker = holder(&admin, &place, vec![grant(&place, &["manage_roles"])]).await;
    create(&maker, request(&place, "Looker", &["communities.get", "roles.assign"])).await.unwrap();

    // Whoever may assign any role that administers nothing may still not make one.
    let answer =
        create(&maker, request(&place, "Worker", &["members.delete", &manage, "communities.get"])).await;
    let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    let mut beyond = ["members.delete", &manage];
    beyond.sort_unstable();
    assert_eq!((&metadata["community"], &*metadata["role"]), (&place, "Worker"));
    assert_eq!(metadata["permissions"], beyond.join(","));
}

#[tokio::test]
async fn in_an_mssp_the_maker_must_hold_it_in_the_communities_inside_too() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let outer = holder(&admin, &tree.root, vec![alone(&tree.root, &["admin"])]).await;
    let answer = create(&outer, request(&tree.root, "Worker", &["members.delete"])).await;
    let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert_eq!(metadata["permissions"], "members.delete");
    create(&admin, request(&tree.root, "Worker", &["members.delete"])).await.unwrap();

    let inner = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["admin"])]).await;
    create(&inner, request(&tree.inside[0], "Worker", &["members.delete"])).await.unwrap();
}

#[tokio::test]
async fn refuses_whoever_may_not_make_roles_there() {
    let admin = admin().await;
    let (tree, unrelated, nowhere) = (mssp(&admin, 2).await, managed(&admin).await, no_community());
    let inner = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["admin"])]).await;
    let manager = holder(&admin, &tree.root, vec![grant(&tree.root, &["manage_member"])]).await;
    let attempts = [
        (&inner, &tree.root),
        (&inner, &tree.inside[1]),
        (&inner, &unrelated),
        (&inner, &nowhere),
        (&manager, &tree.root),
        (&manager, &tree.inside[0]),
    ];
    for (person, place) in attempts {
        let answer = create(person, request(place, "Worker", &["communities.get"])).await;
        let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&*metadata["permission"], &metadata["resource"]), ("roles.create", place));
    }
    // Authority comes before the rest.
    let bad = create(&inner, request(&unrelated, "", &["nothing.known"])).await;
    refused(bad, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn permissions_must_be_in_the_catalogue() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let answer = create(&admin, request(&place, "Worker", &["communities.get", "nothing.known"])).await;
    assert_eq!(refused(answer, Code::InvalidArgument, "UNKNOWN_PERMISSION")["permission"], "nothing.known");
}

#[tokio::test]
async fn a_name_is_taken_however_it_is_spelled() {
    let admin = admin().await;
    let (place, other) = (managed(&admin).await, managed(&admin).await);
    let made = create(&admin, request(&place, "Réviseur", &["communities.get"])).await.unwrap();
    let answer = create(&admin, request(&place, "RE\u{301}VISEUR", &["communities.get"])).await;
    assert_eq!(refused(answer, Code::AlreadyExists, "ROLE_NAME_TAKEN")["role"], made.name);
    create(&admin, request(&other, "Réviseur", &["communities.get"])).await.unwrap();
    let answer = create(&admin, request(&place, "admin", &["communities.get"])).await;
    assert_eq!(
        refused(answer, Code::AlreadyExists, "ROLE_NAME_TAKEN")["role"],
        format!("{place}/roles/admin")
    );
}

#[tokio::test]
async fn of_many_at_once_one_gets_the_name() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let attempts = (0..8).map(|_| create(&admin, request(&place, "Worker", &["communities.get"])));
    let answers = join_all(attempts).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for answer in answers.into_iter().filter(Result::is_err) {
        refused(answer, Code::AlreadyExists, "ROLE_NAME_TAKEN");
    }
}

#[tokio::test]
async fn a_community_has_two_hundred_roles_at_most() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let unique = |_| request(&place, &Uuid::new_v4().to_string(), &["communities.get"]);
    for batch in 0..20 {
        let made = join_all((0..10).map(|role| create(&admin, unique(batch * 10 + role)))).await;
        assert!(made.iter().all(Result::is_ok), "{made:?}");
    }
    let metadata = refused(create(&admin, unique(200)).await, Code::FailedPrecondition, "ROLE_LIMIT_REACHED");
    assert_eq!((&metadata["community"], &*metadata["limit"]), (&place, "200"));
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mut bad = request(&place, "a\u{7}b", &[]);
    bad.role.as_mut().unwrap().description = "too short".to_owned();
    bad.request_id = "42".to_owned();
    let fields = ["role.display_name", "role.description", "role.permissions", "request_id"];
    refused_fields(create(&admin, bad).await, &fields);
    let empty = create(&admin, CreateRoleRequest::default()).await;
    refused_fields(empty, &["parent", "role.display_name", "role.description", "role.permissions"]);
    let many = vec!["communities.get"; 201];
    refused_fields(create(&admin, request(&place, "Worker", &many)).await, &["role.permissions"]);
    let (none, long) = ("", "x".repeat(65));
    let answer = create(&admin, request(&place, "Worker", &["communities.get", none, &long])).await;
    refused_fields(answer, &["role.permissions[1]", "role.permissions[2]"]);
}

#[tokio::test]
async fn a_repeated_request_makes_one_role() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let request = request(&place, "Worker", &["communities.get"]);
    let (one, other) = tokio::join!(create(&admin, request.clone()), create(&admin, request.clone()));
    assert_eq!(one.unwrap(), other.unwrap());
    let mut changed = request.clone();
    changed.role.as_mut().unwrap().permissions.push("members.list".to_owned());
    let metadata = refused(create(&admin, changed).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(metadata["request_id"], request.request_id);
}
