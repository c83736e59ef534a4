use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{
    CheckAccessRequest, DeleteRoleRequest, DeregisterPermissionsRequest, ListPermissionsRequest,
    PermissionCategory,
};

use super::{enrol, may, permission, register, role_now, somebody};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, managed, role};

async fn deregister(service: &str, names: &[&str]) -> Result<String, Status> {
    let permissions = names.iter().map(|name| (*name).to_owned()).collect();
    let request = DeregisterPermissionsRequest { permissions };
    let answer = Caller::nobody().service(service).community().deregister_permissions(request).await?;
    Ok(answer.into_inner().consistency_token)
}

/// Which of the names the catalogue has.
async fn known(names: &[&String]) -> Vec<bool> {
    let (caller, mut all, mut page_token) = (Caller::nobody().service("alerts"), Vec::new(), String::new());
    loop {
        let request = ListPermissionsRequest { page_size: 1_000, page_token };
        let page = caller.community().list_permissions(request).await.expect("a page comes").into_inner();
        all.extend(page.permissions.into_iter().map(|permission| permission.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return names.iter().map(|name| all.contains(name)).collect();
        }
    }
}

#[tokio::test]
async fn built_in_roles_lose_it_at_once_and_nobody_can_ask_for_it() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (gone, kept) =
        (permission(PermissionCategory::View).await, permission(PermissionCategory::View).await);
    let guest = somebody();
    enrol(&admin, &place, &guest, vec![grant(&place, &["guest"])]).await;
    assert!(may(&guest, &place, &gone).await);

    let token = deregister("alerts", &[&gone]).await.unwrap();
    assert!(!token.is_empty());
    let check = CheckAccessRequest {
        user: guest.clone(),
        community: place.clone(),
        permission: gone.clone(),
        consistency_token: token,
        on_behalf_of: String::new(),
    };
    let answer = Caller::nobody().service("alerts").community().check_access(check).await;
    assert_eq!(refused(answer, Code::InvalidArgument, "UNKNOWN_PERMISSION")["permission"], gone);
    let held = role_now(&format!("{place}/roles/guest")).await.permissions;
    assert!(!held.contains(&gone) && held.contains(&kept));
    assert_eq!(known(&[&gone, &kept]).await, [false, true]);
    assert!(may(&guest, &place, &kept).await);
}

#[tokio::test]
async fn names_that_are_not_in_the_catalogue_are_ignored() {
    let name = permission(PermissionCategory::View).await;
    for names in [&["nothing.known"] as &[&str], &["no name at all", &name, &name], &[&name]] {
        deregister("alerts", names).await.unwrap();
    }
    assert_eq!(known(&[&name]).await, [false]);
    deregister("notifier", &[&name]).await.expect("it is nobody's now");
}

#[tokio::test]
async fn what_is_gone_can_be_registered_anew_by_any_service() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (guest, name) = (somebody(), permission(PermissionCategory::View).await);
    enrol(&admin, &place, &guest, vec![grant(&place, &["guest"])]).await;
    deregister("alerts", &[&name]).await.unwrap();
    let stored = register("notifier", &name, PermissionCategory::View).await.unwrap();
    assert_eq!(stored[0].service, "notifier");
    assert!(may(&guest, &place, &name).await);
    deregister("notifier", &[&name]).await.unwrap();
}

#[tokio::test]
async fn those_of_other_services_stay_and_with_them_all_that_were_named() {
    let (own, foreign) =
        (permission(PermissionCategory::View).await, permission(PermissionCategory::View).await);
    deregister("alerts", &[&own]).await.unwrap();
    register("notifier", &own, PermissionCategory::View).await.unwrap();
    let answer = deregister("notifier", &[&own, &foreign]).await;
    let metadata = refused(answer, Code::AlreadyExists, "PERMISSION_TAKEN");
    assert_eq!((&metadata["permission"], &*metadata["service"]), (&foreign, "alerts"));
    let answer = deregister("notifier", &["members.delete", &own]).await;
    let metadata = refused(answer, Code::AlreadyExists, "PERMISSION_TAKEN");
    assert_eq!((&*metadata["permission"], &*metadata["service"]), ("members.delete", "usher"));
    assert_eq!(known(&[&own, &foreign, &"members.delete".to_owned()]).await, [true; 3]);
    deregister("notifier", &[&own]).await.unwrap();
}

#[tokio::test]
async fn one_that_a_custom_role_holds_stays_and_with_it_all_that_were_named() {
    let admin = admin().await;
    let (place, other) = (managed(&admin).await, managed(&admin).await);
    let mut names = [
        permission(PermissionCategory::View).await,
        permission(PermissionCategory::Manage).await,
        permission(PermissionCategory::Admin).await,
    ];
    names.sort();
    let [free, first, second] = &names;
    let holders = [role(&admin, &place, &[first, second]).await, role(&admin, &other, &[first]).await];
    let answer = deregister("alerts", &[second, free, first]).await;
    let metadata = refused(answer, Code::FailedPrecondition, "PERMISSION_IN_USE");
    assert_eq!((&metadata["permission"], &*metadata["role_count"]), (first, "2"));
    let mut named: Vec<&str> = metadata["roles"].split(',').collect();
    named.sort_unstable();
    let mut expected = holders.each_ref().map(String::as_str);
    expected.sort_unstable();
    assert_eq!(named, expected);
    assert_eq!(known(&[free, first, second]).await, [true; 3]);
    assert_eq!(role_now(&holders[0]).await.permissions, [first.clone(), second.clone()]);

    for name in holders {
        let request = DeleteRoleRequest { name, ..DeleteRoleRequest::default() };
        admin.caller.community().delete_role(request).await.unwrap();
    }
    deregister("alerts", &[second, free, first]).await.unwrap();
    assert_eq!(known(&[free, first, second]).await, [false; 3]);
}

#[tokio::test]
async fn of_many_roles_that_hold_it_twenty_are_named() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let name = permission(PermissionCategory::View).await;
    let mut holders = Vec::new();
    for _ in 0..21 {
        holders.push(role(&admin, &place, &[&name]).await);
    }
    let metadata =
        refused(deregister("alerts", &[&name]).await, Code::FailedPrecondition, "PERMISSION_IN_USE");
    let named: Vec<&str> = metadata["roles"].split(',').collect();
    assert_eq!((named.len(), &*metadata["role_count"]), (20, "21"));
    assert!(named.iter().all(|role| holders.iter().any(|holder| holder == role)));
}

#[tokio::test]
async fn names_one_to_two_hundred() {
    refused_fields(deregister("alerts", &[]).await, &["permissions"]);
    refused_fields(deregister("alerts", &["nothing.known"; 201]).await, &["permissions"]);
    deregister("alerts", &["nothing.known"; 200]).await.unwrap();
}

#[tokio::test]
async fn people_do_not_deregister_permissions() {
    let (admin, stranger) = (admin().await, Person::new("stranger").await);
    for person in [&admin, &stranger] {
        let request = DeregisterPermissionsRequest::default();
        let answer = person.caller.community().deregister_permissions(request).await;
        refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
    let request = DeregisterPermissionsRequest::default();
    let answer = Caller::nobody().community().deregister_permissions(request).await;
    refused(answer, Code::Unauthenticated, "TOKEN_MISSING");
}
