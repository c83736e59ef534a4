use sandbox::Caller;
use tonic::Code;
use usher_api::community::{ListPermissionsRequest, Permission, PermissionCategory};

use super::permission;
use crate::support::people::Person;
use crate::support::refusal::{refused, refused_fields};

/// The whole catalogue, in pages of `page_size`.
async fn catalogue(caller: &Caller, page_size: i32) -> Vec<Permission> {
    let (mut permissions, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListPermissionsRequest { page_size, page_token };
        let page = caller.community().list_permissions(request).await.expect("a page comes").into_inner();
        permissions.extend(page.permissions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return permissions;
        }
    }
}

#[tokio::test]
async fn everybody_who_signed_in_reads_the_catalogue() {
    let (person, registered) = (Person::new("person").await, permission(PermissionCategory::Manage).await);
    for caller in [&person.caller, &Caller::nobody().service("alerts")] {
        let all = catalogue(caller, 1_000).await;
        let find = |name: &str| all.iter().find(|permission| permission.name == name).expect("it is there");
        assert_eq!(find(&registered).service, "alerts");
        assert_eq!(find(&registered).category(), PermissionCategory::Manage);
        assert_eq!(find("invitations.create").category(), PermissionCategory::Admin);
        assert_eq!(find("invitations.create").service, "usher");
        assert_eq!(find("members.list").category(), PermissionCategory::View);
    }
    let answer = Caller::nobody().community().list_permissions(ListPermissionsRequest::default()).await;
    refused(answer, Code::Unauthenticated, "TOKEN_MISSING");
}

#[tokio::test]
async fn pages_hold_each_permission_once() {
    let person = Person::new("person").await;
    let mut names: Vec<String> = catalogue(&person.caller, 7).await.into_iter().map(|it| it.name).collect();
    let listed = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), listed);
    assert!(listed >= 22);
}

#[tokio::test]
async fn refuses_what_is_not_a_page() {
    let (person, other) = (Person::new("person").await, Person::new("other").await);
    let bad = ListPermissionsRequest { page_size: -1, page_token: String::new() };
    refused_fields(person.caller.community().list_permissions(bad).await, &["page_size"]);

    let first = ListPermissionsRequest { page_size: 1, page_token: String::new() };
    let token = person.caller.community().list_permissions(first).await.unwrap().into_inner().next_page_token;
    let next = ListPermissionsRequest { page_size: 1, page_token: token };
    let answer = other.caller.community().list_permissions(next).await;
    refused(answer, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}
