use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{ListRolesRequest, ListRolesResponse};

use super::{holder, no_community};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, managed, mssp, role};

const BUILT_IN: [&str; 7] =
    ["guest", "analyst", "admin", "manage_member", "manage_roles", "manage_community", "manage_api_keys"];

async fn list(caller: &Caller, request: ListRolesRequest) -> Result<ListRolesResponse, Status> {
    Ok(caller.community().list_roles(request).await?.into_inner())
}

/// The names of all roles, in pages of `page_size`.
async fn names(caller: &Caller, parent: &str, page_size: i32) -> Vec<String> {
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListRolesRequest {
            parent: parent.to_owned(),
            page_size,
            page_token,
            ..ListRolesRequest::default()
        };
        let page = list(caller, request).await.expect("a page comes");
        names.extend(page.roles.into_iter().map(|role| role.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return names;
        }
    }
}

#[tokio::test]
async fn lists_built_in_roles_then_own_ones_and_those_of_the_parent() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let above = role(&admin, &tree.root, &["communities.get"]).await;
    let own = role(&admin, &tree.inside[0], &["communities.get"]).await;
    let beside = role(&admin, &tree.inside[1], &["communities.get"]).await;
    let inner = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["guest"])]).await;

    let mut expected: Vec<String> =
        BUILT_IN.iter().map(|id| format!("{}/roles/{id}", tree.inside[0])).collect();
    expected.extend([above.clone(), own.clone()]);
    assert_eq!(names(&inner.caller, &tree.inside[0], 0).await, expected);
    for page_size in [1, 3, 7, 8, 9] {
        assert_eq!(names(&inner.caller, &tree.inside[0], page_size).await, expected, "{page_size}");
    }
    let at_the_top = names(&admin.caller, &tree.root, 0).await;
    assert!(at_the_top.contains(&above) && !at_the_top.contains(&own) && !at_the_top.contains(&beside));
}

#[tokio::test]
async fn shows_what_each_role_holds() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let custom = role(&admin, &place, &["roles.list", "communities.get"]).await;
    let request = ListRolesRequest { parent: place, ..ListRolesRequest::default() };
    let roles = list(&Caller::nobody().service("alerts"), request).await.unwrap().roles;
    assert!(roles[..7].iter().all(|role| role.built_in && !role.permissions.is_empty()));
    assert_eq!((&roles[7].name, roles[7].built_in), (&custom, false));
    assert_eq!(roles[7].permissions, ["communities.get", "roles.list"]);
}

#[tokio::test]
async fn refuses_whoever_may_not_look() {
    let (admin, stranger) = (admin().await, Person::new("stranger").await);
    let (tree, nowhere) = (mssp(&admin, 2).await, no_community());
    let inner = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["admin"])]).await;
    let attempts =
        [(&stranger, &tree.root), (&inner, &tree.root), (&inner, &tree.inside[1]), (&inner, &nowhere)];
    for (person, parent) in attempts {
        let request = ListRolesRequest { parent: parent.clone(), ..ListRolesRequest::default() };
        let metadata =
            refused(list(&person.caller, request).await, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&*metadata["permission"], &metadata["resource"]), ("roles.list", parent));
    }
    let request = ListRolesRequest { parent: nowhere, ..ListRolesRequest::default() };
    let service = Caller::nobody().service("alerts");
    refused(list(&service, request).await, Code::NotFound, "COMMUNITY_NOT_FOUND");
}

#[tokio::test]
async fn a_page_token_serves_its_own_list_only() {
    let admin = admin().await;
    let (one, other) = (managed(&admin).await, managed(&admin).await);
    let first = ListRolesRequest {
        parent: one,
        page_size: 2,
        page_token: String::new(),
        ..ListRolesRequest::default()
    };
    let page_token = list(&admin.caller, first).await.unwrap().next_page_token;
    let elsewhere =
        ListRolesRequest { parent: other, page_size: 2, page_token, ..ListRolesRequest::default() };
    refused(list(&admin.caller, elsewhere).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let bad = ListRolesRequest {
        parent: "northwind".to_owned(),
        page_size: -1,
        page_token: String::new(),
        ..ListRolesRequest::default()
    };
    refused_fields(list(&admin.caller, bad).await, &["parent", "page_size"]);
}

#[tokio::test]
async fn finds_by_name_and_description() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (above, here) = (
        role(&admin, &tree.root, &["communities.get"]).await,
        role(&admin, &tree.inside[0], &["communities.get"]).await,
    );
    let found = async |search: &str, page_size| {
        let (mut names, mut page_token) = (Vec::new(), String::new());
        loop {
            let (parent, search) = (tree.inside[0].clone(), search.to_owned());
            let request = ListRolesRequest { parent, search, page_size, page_token };
            let page = list(&admin.caller, request).await.expect("a page comes");
            names.extend(page.roles.into_iter().map(|role| role.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return names;
            }
        }
    };
    // By the description that the tests give to roles, and by those of the built-in ones.
    for page_size in [1, 50] {
        let mut custom = found("MADE FOR A TEST", page_size).await;
        custom.sort_unstable();
        let mut expected = [above.clone(), here.clone()];
        expected.sort_unstable();
        assert_eq!(custom, expected);
        assert_eq!(found("daily work", page_size).await, [format!("{}/roles/analyst", tree.inside[0])]);
        assert!(found("%", page_size).await.is_empty());
    }
}
