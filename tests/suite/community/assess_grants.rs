use tonic::Status;
use usher_api::community::{
    AssessGrantsRequest, DeleteRoleRequest, Grant, GrantsAssessment, OfferedGrants, OfferedRole,
};

use super::{holder, invitation_service};
use crate::support::acts::{delete_community, set_permissions, suspend_community};
use crate::support::keys::{account, give, key, revoke_key};
use crate::support::people::admin;
use crate::support::refusal::refused_fields;
use crate::support::rows::forget_member;
use crate::support::tree::{grant, managed, mssp, role};

const INVITING: [&str; 2] = ["invitations.create", "members.list"];

fn offer(inviter: &str, grants: Vec<Grant>) -> OfferedGrants {
    OfferedGrants { inviter: inviter.to_owned(), grants, ..OfferedGrants::default() }
}

async fn assess(root: &str, offers: Vec<OfferedGrants>) -> Result<Vec<GrantsAssessment>, Status> {
    let request = AssessGrantsRequest { root: root.to_owned(), offers };
    Ok(invitation_service().community().assess_grants(request).await?.into_inner().assessments)
}

/// What is found of one offer.
async fn found(root: &str, offer: OfferedGrants) -> GrantsAssessment {
    assess(root, vec![offer]).await.expect("it is assessed").remove(0)
}

const NOTHING: GrantsAssessment =
    GrantsAssessment { privileged: false, inviter_inactive: false, role_changed: false };

#[tokio::test]
async fn roles_that_administer_are_privileged_however_they_are_called() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, place) = (&tree.root, &tree.inside[0]);
    let harmless = role(&admin, root, &["members.list"]).await;
    let powerful = role(&admin, place, &["members.list", "members.delete"]).await;
    for (roles, privileged) in [
        (vec!["guest"], false),
        (vec!["analyst", &harmless], false),
        (vec!["guest", "manage_member"], true),
        (vec!["admin"], true),
        (vec![harmless.as_str(), &powerful], true),
    ] {
        let expected = GrantsAssessment { privileged, ..NOTHING };
        assert_eq!(found(root, offer(&admin.name, vec![grant(place, &roles)])).await, expected, "{roles:?}");
    }
}

#[tokio::test]
async fn of_several_inviters_each_is_judged_by_what_he_may_still_give() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let narrow = role(&admin, root, &["members.list"]).await;
    let manager = holder(&admin, root, vec![grant(one, &["manage_member"])]).await;
    let gone = holder(&admin, root, vec![grant(one, &["manage_member"])]).await;
    forget_member(one, &gone.name).await;
    let (good, revoked) = (key(&admin, one, &INVITING).await.key, key(&admin, one, &INVITING).await.key);
    revoke_key(&admin.caller, &revoked.name).await.unwrap();
    let (made, _) = account(&admin).await;
    give(&admin, &made.name, one, &["invitations.create", "members.list", "serviceAccounts.represent"]).await;
    let (into_one, into_two) = (vec![grant(one, &[&narrow])], vec![grant(two, &[&narrow])]);
    let both = vec![grant(one, &[&narrow]), grant(two, &[&narrow])];
    let for_user =
        |user: &str| OfferedGrants { on_behalf_of: user.to_owned(), ..offer(&made.name, into_one.clone()) };
    let offers = [
        (offer(&manager.name, into_one.clone()), false),
        (offer(&manager.name, into_two), true),
        (offer(&manager.name, both), true),
        (offer(&gone.name, into_one.clone()), true),
        (offer(&good.name, into_one.clone()), false),
        (offer(&good.name, vec![grant(one, &["analyst"])]), true),
        (offer(&revoked.name, into_one.clone()), true),
        (offer(&made.name, into_one.clone()), false),
        (for_user(&manager.name), false),
        (for_user(&gone.name), true),
    ];
    let (offers, expected): (Vec<_>, Vec<_>) = offers.into_iter().unzip();
    let told = assess(root, offers).await.unwrap();
    assert_eq!(told.iter().map(|it| it.inviter_inactive).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn what_is_stopped_is_nobodys_want_of_authority() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (root, suspended, deleted) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    suspend_community(&admin, suspended).await;
    delete_community(&admin, deleted).await;
    for place in [suspended, deleted] {
        let told = found(root, offer(&admin.name, vec![grant(place, &["guest"])])).await;
        assert_eq!(told, NOTHING);
        let stranger = format!("users/{}", uuid::Uuid::new_v4());
        assert!(found(root, offer(&stranger, vec![grant(place, &["guest"])])).await.inviter_inactive);
    }
    let elsewhere = managed(&admin).await;
    assert_eq!(found(root, offer(&admin.name, vec![grant(&elsewhere, &["admin"])])).await, NOTHING);
}

#[tokio::test]
async fn roles_that_hold_something_else_or_nothing_any_more_have_changed() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let role = role(&admin, &place, &["members.list"]).await;
    let offered = |permissions: &[&str]| {
        let permissions = permissions.iter().map(|it| (*it).to_owned()).collect();
        let offered_roles = vec![OfferedRole { role: role.clone(), permissions }];
        offer(&admin.name, vec![Grant { offered_roles, ..grant(&place, &["guest", &role]) }])
    };
    assert_eq!(found(&place, offered(&["members.list"])).await, NOTHING);
    for before in [&["members.list", "roles.list"][..], &[], &["roles.list"]] {
        assert!(found(&place, offered(before)).await.role_changed, "{before:?}");
    }
    set_permissions(&admin, &role, &["members.list", "roles.list"]).await;
    assert!(found(&place, offered(&["members.list"])).await.role_changed);
    let gone = DeleteRoleRequest { name: role.clone(), force: true, ..DeleteRoleRequest::default() };
    admin.caller.community().delete_role(gone).await.unwrap();
    let told = found(&place, offered(&["members.list", "roles.list"])).await;
    assert_eq!(told, GrantsAssessment { role_changed: true, ..NOTHING });
    // What is left of the grant is looked at all the same.
    let rest = offer(&admin.name, vec![grant(&place, &[&role, "admin"])]);
    assert_eq!(
        found(&place, rest).await,
        GrantsAssessment { role_changed: true, privileged: true, ..NOTHING }
    );
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let place = managed(&admin).await;
    refused_fields(assess("x", Vec::new()).await, &["root", "offers"]);
    let represented = OfferedGrants {
        on_behalf_of: "serviceAccounts/1".to_owned(),
        ..offer(&admin.name, vec![grant(&place, &["guest"])])
    };
    let wrong = vec![offer("nobody", vec![grant(&place, &[])]), represented];
    refused_fields(
        assess(&place, wrong).await,
        &["offers[0].inviter", "offers[0].grants[0].roles", "offers[1].on_behalf_of"],
    );
    let one = || offer(&admin.name, vec![grant(&place, &["guest"])]);
    assert_eq!(assess(&place, (0..200).map(|_| one()).collect()).await.unwrap().len(), 200);
    refused_fields(assess(&place, (0..201).map(|_| one()).collect()).await, &["offers"]);
}
