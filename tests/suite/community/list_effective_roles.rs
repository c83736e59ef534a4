use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{ListEffectiveRolesRequest, ListEffectiveRolesResponse};

use super::{application, decide, enrol, holder, no_community, somebody};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, managed, mssp, role};

async fn roles(caller: &Caller, user: &str, community: &str) -> Result<ListEffectiveRolesResponse, Status> {
    let request = ListEffectiveRolesRequest {
        user: user.to_owned(),
        community: community.to_owned(),
        ..ListEffectiveRolesRequest::default()
    };
    Ok(caller.community().list_effective_roles(request).await?.into_inner())
}

#[tokio::test]
async fn shows_direct_and_inherited_roles_and_where_each_comes_from() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (user, inside) = (somebody(), &tree.inside[0]);
    let above = role(&admin, &tree.root, &["apiKeys.revoke"]).await;
    let first = application(&tree.root, &admin.name, &user, vec![grant(&tree.root, &["guest", &above])]);
    let second =
        application(&tree.root, &admin.name, &user, vec![grant(inside, &["guest", "manage_roles", &above])]);
    let (first_name, second_name) = (first.invitation.clone(), second.invitation.clone());
    decide(first).await;
    decide(second).await;

    let answer = roles(&Caller::nobody().service("alerts"), &user, inside).await.unwrap();
    let found: Vec<_> = answer
        .roles
        .iter()
        .map(|role| (role.role.as_str(), role.inherited_from.as_str(), role.invitation.as_str()))
        .collect();
    let here = |id: &str| format!("{inside}/roles/{id}");
    let expected = [
        (&*here("guest"), "", &*second_name),
        (&*here("manage_roles"), "", &*second_name),
        (&*above, "", &*second_name),
        (&*format!("{}/roles/guest", tree.root), &*tree.root, &*first_name),
        (&*above, &*tree.root, &*first_name),
    ];
    assert_eq!(found, expected);
    assert!(answer.permissions.is_sorted());
    for held in ["communities.get", "roles.assign", "apiKeys.revoke"] {
        assert!(answer.permissions.contains(&held.to_owned()), "{held}");
    }
    assert!(!answer.permissions.contains(&"members.delete".to_owned()));
    let beside = roles(&Caller::nobody().service("alerts"), &user, &tree.inside[1]).await.unwrap();
    assert_eq!(beside.roles.len(), 2);
    assert!(!beside.permissions.contains(&"roles.assign".to_owned()));
}

#[tokio::test]
async fn who_has_no_role_has_nothing() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let service = Caller::nobody().service("alerts");
    let nothing = ListEffectiveRolesResponse::default();
    assert_eq!(roles(&service, &somebody(), &place).await.unwrap(), nothing);
    assert_eq!(roles(&service, &admin.name, &no_community()).await.unwrap(), nothing);
    let stranger = Person::new("stranger").await;
    assert_eq!(roles(&stranger.caller, &stranger.name, &place).await.unwrap(), nothing);
}

#[tokio::test]
async fn people_ask_about_themselves_and_those_they_may_list() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let guest = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["guest"])]).await;
    let other = somebody();
    enrol(&admin, &tree.root, &other, vec![grant(&tree.root, &["analyst"])]).await;
    assert_eq!(roles(&guest.caller, &other, &tree.inside[0]).await.unwrap().roles.len(), 1);
    for place in [&tree.root, &tree.inside[1]] {
        let metadata =
            refused(roles(&guest.caller, &other, place).await, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&*metadata["permission"], &metadata["resource"]), ("members.list", place));
    }
    refused_fields(roles(&guest.caller, "me", "here").await, &["user", "community"]);
}
