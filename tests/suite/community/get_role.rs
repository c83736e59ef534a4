use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{GetRoleRequest, PermissionCategory, Role};
use uuid::Uuid;

use super::{holder, no_community, permission};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, managed, mssp, role};

async fn get(caller: &Caller, name: &str) -> Result<Role, Status> {
    let answer = caller.community().get_role(GetRoleRequest { name: name.to_owned() }).await?;
    Ok(answer.into_inner().role.expect("it comes"))
}

#[tokio::test]
async fn built_in_roles_follow_the_catalogue() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let view = permission(PermissionCategory::View).await;
    let manage = permission(PermissionCategory::Manage).await;
    let guest = get(&admin.caller, &format!("{place}/roles/guest")).await.unwrap();
    assert!(guest.built_in && guest.etag.is_empty() && guest.create_time.is_none());
    assert!(guest.permissions.contains(&view) && !guest.permissions.contains(&manage));
    assert!(guest.permissions.is_sorted() && guest.description.len() >= 10);
    let analyst = get(&admin.caller, &format!("{place}/roles/analyst")).await.unwrap();
    assert!(analyst.permissions.contains(&manage));
    assert!(!analyst.permissions.contains(&"invitations.create".to_owned()));

    let manager = get(&admin.caller, &format!("{place}/roles/manage_members")).await.unwrap();
    assert_eq!(manager.name, format!("{place}/roles/manage_member"));
    for held in ["members.delete", "members.suspend", "invitations.create", "invitations.revoke", &view] {
        assert!(manager.permissions.contains(&held.to_owned()), "{held}");
    }
    assert!(!manager.permissions.contains(&"roles.assign".to_owned()));
}

#[tokio::test]
async fn roles_of_the_parent_are_found_under_both_names() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let above = role(&admin, &tree.root, &["communities.get"]).await;
    let beside = role(&admin, &tree.inside[1], &["communities.get"]).await;
    let inner = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["guest"])]).await;
    let named_here = above.replace(&tree.root, &tree.inside[0]);
    assert_eq!(get(&inner.caller, &named_here).await.unwrap().name, above);

    for (name, place) in [(&above, &tree.root), (&beside, &tree.inside[1])] {
        let metadata = refused(get(&inner.caller, name).await, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&*metadata["permission"], &metadata["resource"]), ("roles.list", place));
    }
    let sibling = beside.replace(&tree.inside[1], &tree.inside[0]);
    let answer = get(&inner.caller, &sibling).await;
    assert_eq!(refused(answer, Code::NotFound, "ROLE_NOT_FOUND")["role"], sibling);
}

#[tokio::test]
async fn tells_only_those_who_may_look_that_there_is_none() {
    let (admin, stranger) = (admin().await, Person::new("stranger").await);
    let place = managed(&admin).await;
    let (unknown, nowhere) =
        (format!("{place}/roles/{}", Uuid::new_v4()), format!("{}/roles/guest", no_community()));
    refused(get(&admin.caller, &unknown).await, Code::NotFound, "ROLE_NOT_FOUND");
    refused(get(&admin.caller, &format!("{place}/roles/owner")).await, Code::NotFound, "ROLE_NOT_FOUND");
    refused(get(&stranger.caller, &unknown).await, Code::PermissionDenied, "PERMISSION_DENIED");
    refused(get(&stranger.caller, &nowhere).await, Code::PermissionDenied, "PERMISSION_DENIED");
    refused(get(&Caller::nobody().service("alerts"), &nowhere).await, Code::NotFound, "ROLE_NOT_FOUND");
    refused_fields(get(&admin.caller, "roles/guest").await, &["name"]);
}
