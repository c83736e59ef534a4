use sandbox::Caller;
use tonic::Code;
use usher_api::community::{Permission, PermissionCategory, RegisterPermissionsRequest};
use uuid::Uuid;

use super::{enrol, may, permission, register, somebody};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, managed};

#[tokio::test]
async fn built_in_roles_hold_a_new_permission_at_once() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let roles =
        ["guest", "analyst", "admin", "manage_member", "manage_roles", "manage_community", "manage_api_keys"];
    let mut holders = Vec::new();
    for role in roles {
        let user = somebody();
        enrol(&admin, &place, &user, vec![grant(&place, &[role])]).await;
        holders.push((role, user));
    }
    let view = permission(PermissionCategory::View).await;
    let manage = permission(PermissionCategory::Manage).await;
    let administer = permission(PermissionCategory::Admin).await;
    for (role, user) in holders {
        assert!(may(&user, &place, &view).await, "{role} looks");
        assert_eq!(may(&user, &place, &manage).await, matches!(role, "analyst" | "admin"), "{role} works");
        assert_eq!(may(&user, &place, &administer).await, role == "admin", "{role} administers");
    }
}

#[tokio::test]
async fn a_service_changes_what_it_registered() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (guest, name) = (somebody(), permission(PermissionCategory::View).await);
    enrol(&admin, &place, &guest, vec![grant(&place, &["guest"])]).await;
    assert!(may(&guest, &place, &name).await);
    let stored = register("alerts", &name, PermissionCategory::Admin).await.unwrap();
    assert_eq!((stored[0].category(), stored[0].service.as_str()), (PermissionCategory::Admin, "alerts"));
    assert!(!may(&guest, &place, &name).await);
    assert_eq!(register("alerts", &name, PermissionCategory::Admin).await.unwrap(), stored);
}

#[tokio::test]
async fn a_name_belongs_to_the_service_that_registered_it() {
    let taken = permission(PermissionCategory::View).await;
    let metadata = refused(
        register("notifier", &taken, PermissionCategory::View).await,
        Code::AlreadyExists,
        "PERMISSION_TAKEN",
    );
    assert_eq!((&metadata["permission"], &*metadata["service"]), (&taken, "alerts"));
    let answer = register("alerts", "members.delete", PermissionCategory::View).await;
    assert_eq!(refused(answer, Code::AlreadyExists, "PERMISSION_TAKEN")["service"], "usher");
}

#[tokio::test]
async fn all_are_registered_or_none() {
    let (taken, fresh) =
        (permission(PermissionCategory::View).await, format!("t{}.do", Uuid::new_v4().simple()));
    let one = |name: &str| Permission {
        name: name.to_owned(),
        category: PermissionCategory::View.into(),
        description: "Something that a test checks.".to_owned(),
        service: String::new(),
    };
    let request = RegisterPermissionsRequest { permissions: vec![one(&fresh), one(&taken)] };
    let answer = Caller::nobody().service("invitation").community().register_permissions(request).await;
    refused(answer, Code::AlreadyExists, "PERMISSION_TAKEN");
    // Nobody owns the other name now.
    register("alerts", &fresh, PermissionCategory::View).await.unwrap();
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let service = Caller::nobody().service("alerts");
    let bad = |name: &str, category: i32, description: &str| Permission {
        name: name.to_owned(),
        category,
        description: description.to_owned(),
        service: String::new(),
    };
    let permissions =
        vec![bad("Alerts", 0, ""), bad("alerts.view", 77, "See."), bad("alerts.view", 1, "See.")];
    let answer = service.community().register_permissions(RegisterPermissionsRequest { permissions }).await;
    let fields = [
        "permissions[0].name",
        "permissions[0].category",
        "permissions[0].description",
        "permissions[1].category",
        "permissions[2].name",
    ];
    refused_fields(answer, &fields);
    let none = service.community().register_permissions(RegisterPermissionsRequest::default()).await;
    refused_fields(none, &["permissions"]);
}

#[tokio::test]
async fn people_do_not_register_permissions() {
    let admin = admin().await;
    let answer = admin.caller.community().register_permissions(RegisterPermissionsRequest::default()).await;
    refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}
