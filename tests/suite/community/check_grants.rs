use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{
    CheckGrantsRequest, CheckGrantsResponse, CommunitySettings, Grant, GrantOutcome, Inheritance,
    PermissionCategory, PersonalMessages, Recipient, RecipientObstacle, RecipientRefusal, RecipientVerdict,
};

use super::release_seats::{recipient, release};
use super::{alone, holder, invitation_service, no_community, permission};
use crate::support::acts::set_community as set;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::rows::end_lease;
use crate::support::tree::{grant, managed, mssp, role};

const CREATE: &str = "invitations.create";

async fn check(giver: &Person, root: &str, grants: Vec<Grant>) -> Result<Vec<Grant>, Status> {
    check_for(CREATE, giver, root, grants).await
}

async fn check_for(
    permission: &str,
    giver: &Person,
    root: &str,
    grants: Vec<Grant>,
) -> Result<Vec<Grant>, Status> {
    let caller = invitation_service().on_behalf_of(&giver.credentials.access_token);
    let request = CheckGrantsRequest {
        root: root.to_owned(),
        grants,
        permission: permission.to_owned(),
        ..CheckGrantsRequest::default()
    };
    Ok(caller.community().check_grants(request).await?.into_inner().grants)
}

async fn ask(
    giver: &Person,
    root: &str,
    grants: Vec<Grant>,
    recipients: &[Recipient],
    reserve_seats: bool,
) -> Result<CheckGrantsResponse, Status> {
    let caller = invitation_service().on_behalf_of(&giver.credentials.access_token);
    let request = CheckGrantsRequest {
        root: root.to_owned(),
        grants,
        permission: CREATE.to_owned(),
        recipients: recipients.to_vec(),
        reserve_seats,
    };
    Ok(caller.community().check_grants(request).await?.into_inner())
}

/// What stands in the way of each recipient.
fn obstacles(answer: &CheckGrantsResponse) -> Vec<Vec<RecipientRefusal>> {
    let reasons =
        |verdict: &RecipientVerdict| verdict.obstacles.iter().map(RecipientObstacle::reason).collect();
    answer.verdicts.iter().map(reasons).collect()
}

fn reaching(community: &str, roles: &[&str]) -> Grant {
    Grant { inheritance: Inheritance::SelfAndDescendants.into(), ..grant(community, roles) }
}

#[tokio::test]
async fn answers_with_full_names_and_the_inheritance_of_the_kind() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let above = role(&admin, root, &["communities.get"]).await;
    let own = role(&admin, inside, &["communities.get"]).await;
    let named_here = above.replace(root, inside);
    let asked = vec![
        grant(root, &["guest", "manage_members", &format!("{root}/roles/guest"), &above]),
        grant(inside, &["analyst", &format!("{root}/roles/guest"), &above, &own, &named_here]),
    ];
    let answer = check(&admin, root, asked).await.unwrap();
    assert_eq!((&answer[0].community, answer[0].inheritance()), (root, Inheritance::SelfAndDescendants));
    assert_eq!(
        answer[0].roles,
        [format!("{root}/roles/guest"), format!("{root}/roles/manage_member"), above.clone()]
    );
    assert_eq!((&answer[1].community, answer[1].inheritance()), (inside, Inheritance::Self_));
    assert_eq!(
        answer[1].roles,
        [format!("{inside}/roles/analyst"), format!("{inside}/roles/guest"), above, own]
    );
    assert_eq!(answer[0].outcome(), GrantOutcome::Unspecified);
    // Asking again with the answer changes nothing.
    assert_eq!(check(&admin, root, answer.clone()).await.unwrap(), answer);
}

#[tokio::test]
async fn the_giver_needs_the_permission_in_every_community() {
    let admin = admin().await;
    let (tree, unrelated, nowhere) = (mssp(&admin, 2).await, managed(&admin).await, no_community());
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let manager = holder(&admin, root, vec![grant(one, &["manage_member"])]).await;
    check(&manager, root, vec![grant(one, &["guest"])]).await.unwrap();
    for hidden in [root, two, &unrelated, &nowhere] {
        let answer = check(&manager, root, vec![grant(one, &["guest"]), grant(hidden, &["nothing"])]).await;
        let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&*metadata["permission"], &metadata["resource"]), (CREATE, hidden));
    }
    let answer = check_for("invitations.resend", &manager, root, vec![grant(two, &["guest"])]).await;
    assert_eq!(
        refused(answer, Code::PermissionDenied, "PERMISSION_DENIED")["permission"],
        "invitations.resend"
    );
}

#[tokio::test]
async fn communities_must_be_in_the_tree_of_a_community_at_the_top() {
    let admin = admin().await;
    let (tree, other, nowhere) = (mssp(&admin, 1).await, mssp(&admin, 1).await, no_community());
    let crossed = [
        (&tree.root, &other.root),
        (&tree.root, &other.inside[0]),
        (&tree.inside[0], &tree.inside[0]),
        (&nowhere, &tree.root),
    ];
    for (root, community) in crossed {
        let answer = check(&admin, root, vec![grant(community, &["guest"])]).await;
        let metadata = refused(answer, Code::InvalidArgument, "COMMUNITY_OUTSIDE_TREE");
        assert_eq!((&metadata["community"], &metadata["root"]), (community, root));
    }
}

#[tokio::test]
async fn roles_must_belong_to_the_community_or_its_parent() {
    let admin = admin().await;
    let (tree, other) = (mssp(&admin, 2).await, managed(&admin).await);
    let (root, one) = (&tree.root, &tree.inside[0]);
    let beside = role(&admin, &tree.inside[1], &["communities.get"]).await;
    let foreign = role(&admin, &other, &["communities.get"]).await;
    let own = role(&admin, one, &["communities.get"]).await;
    let bare = own.rsplit('/').next().unwrap().to_owned();
    let unknown = [
        beside.clone(),
        beside.replace(&tree.inside[1], one),
        foreign.clone(),
        format!("{other}/roles/guest"),
        format!("{}/roles/guest", tree.inside[1]),
        "superuser".to_owned(),
        bare,
    ];
    for role in unknown {
        let answer = check(&admin, root, vec![grant(one, &["guest", &role])]).await;
        let metadata = refused(answer, Code::InvalidArgument, "UNKNOWN_ROLE");
        assert_eq!((&metadata["community"], &metadata["role"]), (one, &role));
    }
    // A role of the inside is nothing to the parent.
    let answer = check(&admin, root, vec![grant(root, &[&own])]).await;
    refused(answer, Code::InvalidArgument, "UNKNOWN_ROLE");
}

#[tokio::test]
async fn no_role_goes_beyond_its_giver() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manage = permission(PermissionCategory::Manage).await;
    let worker = role(&admin, &place, &[&manage]).await;
    let keeper = role(&admin, &place, &["apiKeys.revoke", "communities.get"]).await;
    let manager = holder(&admin, &place, vec![grant(&place, &["manage_member"])]).await;
    check(&manager, &place, vec![grant(&place, &["guest", "manage_member"])]).await.unwrap();

    let answer = check(&manager, &place, vec![grant(&place, &["guest", &keeper])]).await;
    let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert_eq!((&metadata["community"], &metadata["role"]), (&place, &keeper));
    assert_eq!(metadata["permissions"], "apiKeys.revoke");
    let answer = check(&manager, &place, vec![grant(&place, &[&worker])]).await;
    assert_eq!(refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY")["permissions"], manage);
    let answer = check(&manager, &place, vec![grant(&place, &["admin"])]).await;
    let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert!(metadata["permissions"].split(',').is_sorted());
}

#[tokio::test]
async fn whoever_assigns_roles_gives_those_that_administer_nothing() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manage = permission(PermissionCategory::Manage).await;
    let worker = role(&admin, &place, &[&manage]).await;
    let keeper = role(&admin, &place, &[&manage, "apiKeys.revoke"]).await;
    let assigner = holder(&admin, &place, vec![grant(&place, &["manage_member", "manage_roles"])]).await;
    check(&assigner, &place, vec![grant(&place, &["analyst", &worker])]).await.unwrap();
    let answer = check(&assigner, &place, vec![grant(&place, &[&keeper])]).await;
    let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert!(metadata["permissions"].contains("apiKeys.revoke"));
}

#[tokio::test]
async fn an_admin_of_the_main_community_alone_gives_nothing_that_reaches_inside() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let root = &tree.root;
    let outer = holder(&admin, root, vec![alone(root, &["admin"])]).await;
    check(&outer, root, vec![alone(root, &["admin"])]).await.unwrap();
    for grants in [
        vec![grant(root, &["guest"])],
        vec![reaching(root, &["guest"])],
        vec![grant(&tree.inside[0], &["guest"])],
    ] {
        refused(check(&outer, root, grants).await, Code::PermissionDenied, "PERMISSION_DENIED");
    }
    // With the permission to invite everywhere, what he may give everywhere is still only what he holds
    // everywhere.
    let mixed = holder(&admin, root, vec![grant(root, &["manage_member"])]).await;
    super::enrol(&admin, root, &mixed.name, vec![alone(root, &["admin"])]).await;
    check(&mixed, root, vec![alone(root, &["admin"])]).await.unwrap();
    check(&mixed, root, vec![grant(root, &["manage_member"])]).await.unwrap();
    let answer = check(&mixed, root, vec![grant(root, &["manage_roles"])]).await;
    let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert_eq!(metadata["permissions"], "roles.assign,roles.create,roles.delete,roles.update");
}

#[tokio::test]
async fn inherited_authority_gives_inside() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let manager = holder(&admin, &tree.root, vec![grant(&tree.root, &["manage_member"])]).await;
    let grants = vec![grant(&tree.root, &["guest"]), grant(&tree.inside[0], &["manage_member"])];
    check(&manager, &tree.root, grants).await.unwrap();
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let unknown = Grant { inheritance: 99, ..grant(&place, &[""]) };
    let answer =
        check_for("", &admin, "northwind", vec![grant("alpine", &[]), grant(&place, &["guest"]), unknown])
            .await;
    let fields = [
        "root",
        "permission",
        "grants[0].community",
        "grants[0].roles",
        "grants[2].community",
        "grants[2].roles[0]",
        "grants[2].inheritance",
    ];
    refused_fields(answer, &fields);
    refused_fields(check(&admin, &place, Vec::new()).await, &["grants"]);
    let many = vec!["guest"; 21];
    refused_fields(check(&admin, &place, vec![grant(&place, &many)]).await, &["grants[0].roles"]);
    let answer = check_for("nothing.known", &admin, &place, vec![grant(&place, &["guest"])]).await;
    refused(answer, Code::InvalidArgument, "UNKNOWN_PERMISSION");
}

#[tokio::test]
async fn nothing_is_inside_a_managed_community() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let grants = vec![
        reaching(&tree.inside[0], &["guest"]),
        reaching(&tree.root, &["guest"]),
        reaching(&tree.inside[1], &["guest"]),
    ];
    refused_fields(
        check(&admin, &tree.root, grants).await,
        &["grants[0].inheritance", "grants[2].inheritance"],
    );
}

#[tokio::test]
async fn only_the_invitation_service_asks_and_only_for_a_person() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let request = || CheckGrantsRequest {
        root: place.clone(),
        grants: vec![grant(&place, &["guest"])],
        permission: CREATE.to_owned(),
        ..CheckGrantsRequest::default()
    };
    let alone = invitation_service().community().check_grants(request()).await;
    refused(alone, Code::Unauthenticated, "TOKEN_MISSING");
    let other = Caller::nobody().service("alerts").on_behalf_of(&admin.credentials.access_token);
    refused(other.community().check_grants(request()).await, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    refused(
        admin.caller.community().check_grants(request()).await,
        Code::PermissionDenied,
        "CALLER_NOT_ALLOWED",
    );
}

#[tokio::test]
async fn says_what_holds_where_roles_are_given() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let custom = role(&admin, &place, &["communities.get", "members.list"]).await;
    let settings = CommunitySettings {
        seat_limit: 3,
        max_invitation_life: Some(prost_types::Duration { seconds: 7_200, nanos: 0 }),
        personal_messages: PersonalMessages::Allowed.into(),
        ..CommunitySettings::default()
    };
    set(&admin, &place, settings).await;
    let answer = ask(&admin, &place, vec![grant(&place, &[&custom])], &[], false).await.unwrap();
    let terms = &answer.terms[0];
    assert_eq!(terms.permissions, ["communities.get", "members.list"]);
    assert_eq!(terms.max_invitation_life.map(|life| life.seconds), Some(7_200));
    assert_eq!(terms.personal_messages(), PersonalMessages::Allowed);
    assert_eq!((terms.seat_limit, terms.seats_taken), (3, 1));
}

#[tokio::test]
async fn a_seat_that_was_asked_for_is_kept_until_it_is_given_back() {
    let admin = admin().await;
    let place = managed(&admin).await;
    set(&admin, &place, CommunitySettings { seat_limit: 2, ..CommunitySettings::default() }).await;
    let (one, two) = (recipient(&place), recipient(&place));
    let offer = || vec![grant(&place, &["guest"])];
    let both = [one.clone(), two.clone()];
    // Asking without reserving takes nothing, however many ask.
    for _ in 0..2 {
        let answer = ask(&admin, &place, offer(), &both, false).await.unwrap();
        assert_eq!(obstacles(&answer), [vec![], vec![RecipientRefusal::SeatLimitReached]]);
    }
    let answer = ask(&admin, &place, offer(), std::slice::from_ref(&one), true).await.unwrap();
    assert_eq!((obstacles(&answer), answer.terms[0].seats_taken), (vec![vec![]], 2));
    // The same invitation asks again and takes no second seat.
    assert_eq!(
        obstacles(&ask(&admin, &place, offer(), std::slice::from_ref(&one), true).await.unwrap()),
        [vec![]]
    );
    let answer = ask(&admin, &place, offer(), std::slice::from_ref(&two), true).await.unwrap();
    assert_eq!(obstacles(&answer), [vec![RecipientRefusal::SeatLimitReached]]);
    let obstacle = &answer.verdicts[0].obstacles[0];
    assert_eq!((&obstacle.community, obstacle.seat_limit), (&place, 2));

    release(&one).await;
    assert_eq!(
        obstacles(&ask(&admin, &place, offer(), std::slice::from_ref(&two), true).await.unwrap()),
        [vec![]]
    );
}

#[tokio::test]
async fn a_seat_comes_free_by_itself_if_nothing_is_heard_of_the_invitation() {
    let admin = admin().await;
    let place = managed(&admin).await;
    set(&admin, &place, CommunitySettings { seat_limit: 2, ..CommunitySettings::default() }).await;
    let (one, two) = (recipient(&place), recipient(&place));
    let offer = || vec![grant(&place, &["guest"])];
    ask(&admin, &place, offer(), std::slice::from_ref(&one), true).await.unwrap();
    let answer = ask(&admin, &place, offer(), std::slice::from_ref(&two), true).await.unwrap();
    assert_eq!(obstacles(&answer), [vec![RecipientRefusal::SeatLimitReached]]);
    end_lease(&one.invitation).await;
    let answer = ask(&admin, &place, offer(), std::slice::from_ref(&two), true).await.unwrap();
    assert_eq!(obstacles(&answer), [vec![]]);
}

#[tokio::test]
async fn lists_invalid_recipients_together() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let wrong = Recipient { email: "nobody".to_owned(), invitation: "x".to_owned(), ..Recipient::default() };
    let recipients = [recipient(&place), wrong];
    let answer = ask(&admin, &place, vec![grant(&place, &["guest"])], &recipients, true).await;
    refused_fields(answer, &["recipients[1].email", "recipients[1].invitation"]);
    let many = vec![recipient(&place); 201];
    refused_fields(ask(&admin, &place, vec![grant(&place, &["guest"])], &many, true).await, &["recipients"]);
}
