use futures::future::join_all;
use sandbox::Caller;
use tonic::Code;
use usher_api::community::apply_grants_response::Decision;
use usher_api::community::{
    ApplyGrantsRequest, CommunitySettings, Grant, GrantOutcome, GrantRefusal, Inheritance, OfferedRole,
    RefusedGrants, RoleDrift,
};
use uuid::Uuid;

use super::{
    alone, application, ask_of_members, decide, enrol, holder, invitation_service, may, no_community, seen,
    somebody, told,
};
use crate::support::acts::{
    choose, delete_community, reactivate_community, remove_member, set_permissions, suspend_community,
};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::rows::forget_member;
use crate::support::tree::{grant, managed, mssp, role};

/// The outcome of each grant.
#[track_caller]
fn applied(decision: Decision) -> Vec<GrantOutcome> {
    match decision {
        Decision::Applied(applied) => applied.grants.iter().map(Grant::outcome).collect(),
        Decision::Refused(refused) => panic!("refused in {:?}", refused.communities),
    }
}

/// Why nothing was given.
#[track_caller]
fn refusal(decision: Decision) -> RefusedGrants {
    match decision {
        Decision::Refused(refused) => refused,
        Decision::Applied(applied) => panic!("applied {:?}", applied.grants),
    }
}

/// The communities in which the inviter cannot give.
#[track_caller]
fn refused_in(decision: Decision) -> Vec<String> {
    refusal(decision).communities
}

#[tokio::test]
async fn makes_a_member_by_all_grants() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (user, one, two) = (somebody(), &tree.inside[0], &tree.inside[1]);
    let custom = role(&admin, two, &["members.list"]).await;
    let grants = vec![grant(two, &[&custom]), grant(one, &["guest", "manage_members"])];
    let Decision::Applied(applied) = decide(application(&tree.root, &admin.name, &user, grants)).await else {
        panic!("refused");
    };
    assert_eq!((&applied.grants[0].community, &applied.grants[0].roles[..]), (two, &[custom][..]));
    assert_eq!(applied.grants[1].roles, [format!("{one}/roles/guest"), format!("{one}/roles/manage_member")]);
    assert!(applied.grants.iter().all(|grant| grant.outcome() == GrantOutcome::Granted));
    assert!(applied.grants.iter().all(|grant| grant.inheritance() == Inheritance::Self_));
    assert!(may(&user, one, "members.delete").await && may(&user, two, "members.list").await);
    assert!(!may(&user, two, "communities.get").await && !may(&user, &tree.root, "communities.get").await);
    assert_eq!(told(one, &user).await, [("member.created".to_owned(), 1)]);
}

#[tokio::test]
async fn tells_new_roles_from_those_held_already() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (user, root, inside) = (somebody(), &tree.root, &tree.inside[0]);
    let apply = |grants| decide(application(root, &admin.name, &user, grants));
    assert_eq!(applied(apply(vec![grant(inside, &["guest"])]).await), [GrantOutcome::Granted]);
    assert_eq!(applied(apply(vec![grant(inside, &["guest"])]).await), [GrantOutcome::AlreadyHeld]);
    let both = vec![grant(inside, &["guest", "analyst"]), grant(root, &["guest"])];
    assert_eq!(applied(apply(both.clone()).await), [GrantOutcome::Granted, GrantOutcome::Granted]);
    assert_eq!(applied(apply(both).await), [GrantOutcome::AlreadyHeld, GrantOutcome::AlreadyHeld]);
    // In the community alone and in all inside are two facts, and so are what is given and what is inherited.
    assert_eq!(applied(apply(vec![alone(root, &["guest"])]).await), [GrantOutcome::Granted]);
    assert_eq!(applied(apply(vec![grant(root, &["analyst"])]).await), [GrantOutcome::Granted]);
    let facts = [("member.created".to_owned(), 1), ("member.updated".to_owned(), 2)];
    assert_eq!(told(inside, &user).await, facts);
    assert_eq!(told(root, &user).await.len(), 3);
}

#[tokio::test]
async fn what_the_inviter_may_no_longer_give_keeps_nobody_from_the_rest() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (user, one, two) = (somebody(), &tree.inside[0], &tree.inside[1]);
    let manager =
        holder(&admin, &tree.root, vec![grant(one, &["manage_member"]), grant(two, &["guest"])]).await;
    // Where he does not invite, and where he does but the role is more than he holds.
    let grants = vec![grant(two, &["guest"]), grant(one, &["guest"])];
    let decision = decide(application(&tree.root, &manager.name, &user, grants)).await;
    assert_eq!(applied(decision), [GrantOutcome::OverCeiling, GrantOutcome::Granted]);
    assert!(may(&user, one, "communities.get").await && !may(&user, two, "communities.get").await);
    assert!(told(two, &user).await.is_empty());
    // A grant is given whole or not at all.
    let beyond = vec![grant(one, &["guest", "admin"])];
    assert_eq!(
        refused_in(decide(application(&tree.root, &manager.name, &user, beyond)).await),
        [one.clone()]
    );
}

#[tokio::test]
async fn nothing_is_given_while_a_community_that_is_offered_is_suspended() {
    let admin = admin().await;
    let tree = mssp(&admin, 3).await;
    let (user, one, two, three) = (somebody(), &tree.inside[0], &tree.inside[1], &tree.inside[2]);
    suspend_community(&admin, two).await;
    delete_community(&admin, three).await;
    let grants = || vec![grant(one, &["guest"]), grant(two, &["guest"]), grant(three, &["guest"])];
    let refusal = refusal(decide(application(&tree.root, &admin.name, &user, grants())).await);
    assert_eq!(
        (refusal.reason(), refusal.communities.as_slice()),
        (GrantRefusal::CommunityNotActive, &[two.clone()][..])
    );
    assert!(told(one, &user).await.is_empty());
    reactivate_community(&admin, two).await;
    let outcomes = applied(decide(application(&tree.root, &admin.name, &user, grants())).await);
    assert_eq!(outcomes, [GrantOutcome::Granted, GrantOutcome::Granted, GrantOutcome::CommunityDeleted]);
}

#[tokio::test]
async fn where_nothing_can_be_given_the_reason_is_what_somebody_can_mend() {
    let admin = admin().await;
    let tree = mssp(&admin, 4).await;
    let [full, gone, beyond, deleted] = [0, 1, 2, 3].map(|place| &tree.inside[place]);
    let manager = holder(&admin, &tree.root, vec![grant(&tree.root, &["manage_member"])]).await;
    ask_of_members(&admin, full, CommunitySettings { seat_limit: 1, ..CommunitySettings::default() }).await;
    enrol(&admin, &tree.root, &somebody(), vec![grant(full, &["guest"])]).await;
    let missing = format!("{gone}/roles/{}", Uuid::new_v4());
    delete_community(&admin, deleted).await;
    let all = [
        (grant(beyond, &["admin"]), GrantRefusal::InviterNotAuthorized),
        (grant(full, &["guest"]), GrantRefusal::SeatLimitReached),
        (grant(gone, &[&missing]), GrantRefusal::RoleDeleted),
        (grant(deleted, &["guest"]), GrantRefusal::CommunityNotActive),
    ];
    for first in 0..all.len() {
        let (offered, expected) = (all[first..].iter().rev().map(|(grant, _)| grant.clone()), all[first].1);
        let user = somebody();
        let decision = decide(application(&tree.root, &manager.name, &user, offered.collect())).await;
        let refusal = refusal(decision);
        assert_eq!(refusal.reason(), expected);
        assert_eq!(refusal.communities, [all[first].0.community.clone()]);
    }
    // With one that can be given, they all are outcomes.
    let offered = all.iter().map(|(grant, _)| grant.clone()).chain([alone(&tree.root, &["guest"])]);
    let outcomes =
        applied(decide(application(&tree.root, &manager.name, &somebody(), offered.collect())).await);
    let expected = [
        GrantOutcome::OverCeiling,
        GrantOutcome::SeatLimit,
        GrantOutcome::RoleDeleted,
        GrantOutcome::CommunityDeleted,
        GrantOutcome::Granted,
    ];
    assert_eq!(outcomes, expected);
}

#[tokio::test]
async fn a_role_that_changed_is_given_as_the_strictest_community_has_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let place = &tree.inside[0];
    let role = role(&admin, &tree.root, &["communities.get", "members.list"]).await;
    let offer = |permissions: &[&str]| Grant {
        offered_roles: vec![OfferedRole {
            role: role.clone(),
            permissions: permissions.iter().map(|it| (*it).to_owned()).collect(),
        }],
        ..grant(place, &[&role])
    };
    let same = offer(&["communities.get", "members.list"]);
    let (less, more) =
        (offer(&["communities.get"]), offer(&["communities.get", "members.list", "roles.list"]));
    let apply =
        |offer: &Grant| decide(application(&tree.root, &admin.name, &somebody(), vec![offer.clone()]));
    let (asked, refused) = (GrantRefusal::RoleChangeNotConfirmed, GrantRefusal::RoleChanged);
    // Above, below, and what then becomes of a role that gained something and of one that lost something.
    let unset = RoleDrift::Unspecified;
    for (above, below, gained, lost) in [
        (unset, unset, Some(asked), None),
        (unset, RoleDrift::AcceptAsOffered, Some(asked), None),
        (RoleDrift::AskAgain, RoleDrift::AcceptAsOffered, Some(asked), Some(asked)),
        (RoleDrift::AskAgain, RoleDrift::Refuse, Some(refused), Some(refused)),
        (RoleDrift::Refuse, unset, Some(refused), Some(refused)),
    ] {
        for (community, policy) in [(&tree.root, above), (place, below)] {
            choose(&admin, community, policy).await;
        }
        assert_eq!(applied(apply(&same).await), [GrantOutcome::Granted]);
        for (offer, expected) in [(&less, gained), (&more, lost)] {
            match expected {
                None => assert_eq!(applied(apply(offer).await), [GrantOutcome::Granted]),
                Some(reason) => {
                    assert_eq!(refusal(apply(offer).await).reason(), reason, "{above:?} {below:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn who_agrees_to_a_changed_role_gets_it_unless_it_changed_once_more() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let role = role(&admin, &place, &["communities.get"]).await;
    let before = vec![OfferedRole { role: role.clone(), permissions: vec!["apiKeys.list".to_owned()] }];
    let offered = Grant { offered_roles: before, ..grant(&place, &[&role, "guest"]) };
    let user = somebody();
    let asked = application(&place, &admin.name, &user, vec![offered]);
    let refusal = refusal(decide(asked.clone()).await);
    let changes = refusal.role_changes.unwrap();
    assert_eq!(refusal.communities, [place.clone()]);
    assert_eq!(
        (&changes.gained[..], &changes.lost[..]),
        (&["communities.get".to_owned()][..], &["apiKeys.list".to_owned()][..])
    );
    assert!(told(&place, &user).await.is_empty());

    let confirmed = |fingerprint: &str| ApplyGrantsRequest {
        confirmed_fingerprint: fingerprint.to_owned(),
        request_id: Uuid::new_v4().to_string(),
        ..asked.clone()
    };
    set_permissions(&admin, &role, &["communities.get", "members.list"]).await;
    let again = self::refusal(decide(confirmed(&changes.fingerprint)).await).role_changes.unwrap();
    assert_ne!(again.fingerprint, changes.fingerprint);
    set_permissions(&admin, &role, &["communities.get"]).await;
    assert_eq!(applied(decide(confirmed(&changes.fingerprint)).await), [GrantOutcome::Granted]);
}

#[tokio::test]
async fn the_inviter_must_still_hold_his_authority() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manager = holder(&admin, &place, vec![grant(&place, &["manage_member"])]).await;
    let waiting = application(&place, &manager.name, &somebody(), vec![grant(&place, &["guest"])]);
    forget_member(&place, &manager.name).await;
    assert_eq!(refused_in(decide(waiting.clone()).await), [place.clone()]);

    // The decision stands; a new attempt is a new question.
    enrol(&admin, &place, &manager.name, vec![grant(&place, &["manage_member"])]).await;
    assert_eq!(refused_in(decide(waiting.clone()).await), [place.clone()]);
    let again = ApplyGrantsRequest { request_id: Uuid::new_v4().to_string(), ..waiting };
    assert_eq!(applied(decide(again).await), [GrantOutcome::Granted]);
}

#[tokio::test]
async fn inherited_authority_is_enough_and_nothing_goes_beyond_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let manager = holder(&admin, root, vec![grant(root, &["manage_member"])]).await;
    let outer = holder(&admin, root, vec![alone(root, &["admin"])]).await;
    let try_to_give = |inviter: &str, grants| decide(application(root, inviter, &somebody(), grants));
    applied(try_to_give(&manager.name, vec![grant(inside, &["guest"]), grant(root, &["guest"])]).await);
    let beyond = try_to_give(&manager.name, vec![grant(inside, &["admin"]), grant(root, &["guest"])]).await;
    assert_eq!(applied(beyond), [GrantOutcome::OverCeiling, GrantOutcome::Granted]);
    applied(try_to_give(&outer.name, vec![alone(root, &["admin"])]).await);
    assert_eq!(refused_in(try_to_give(&outer.name, vec![grant(root, &["guest"])]).await), [root.clone()]);
    assert_eq!(refused_in(try_to_give(&outer.name, vec![grant(inside, &["guest"])]).await), [inside.clone()]);
}

#[tokio::test]
async fn what_is_gone_or_elsewhere_is_refused() {
    let admin = admin().await;
    let (tree, other, nowhere) = (mssp(&admin, 2).await, managed(&admin).await, no_community());
    let (root, one) = (&tree.root, &tree.inside[0]);
    let gone = format!("{one}/roles/{}", Uuid::new_v4());
    let beside = role(&admin, &tree.inside[1], &["communities.get"]).await;
    for grants in [
        vec![grant(one, &["guest", &gone])],
        vec![grant(one, &[&beside])],
        vec![grant(&other, &["guest"])],
        vec![grant(&nowhere, &["guest"])],
    ] {
        let expected = grants[0].community.clone();
        let decision = decide(application(root, &admin.name, &somebody(), grants)).await;
        assert_eq!(refused_in(decision), [expected]);
    }
}

#[tokio::test]
async fn what_the_invitation_is_annotated_with_is_found_at_the_membership() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (user, place) = (somebody(), &tree.inside[0]);
    let annotations = async || {
        let mut annotations: Vec<_> = seen(place, &user).await.unwrap().annotations.into_iter().collect();
        annotations.sort();
        annotations
    };
    let apply = |roles: &[&str], entries: &[(&str, &str)]| {
        let entries = entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let request = application(&tree.root, &admin.name, &user, vec![grant(place, roles)]);
        decide(ApplyGrantsRequest { annotations: entries.collect(), ..request })
    };
    applied(apply(&["guest"], &[("ticket", "7"), ("team", "blue")]).await);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(annotations().await, [pair("team", "blue"), pair("ticket", "7")]);
    // Of a key, what was said last. That is a change, even if there is nothing else to give.
    assert_eq!(applied(apply(&["guest"], &[("ticket", "8")]).await), [GrantOutcome::AlreadyHeld]);
    assert_eq!(annotations().await, [pair("team", "blue"), pair("ticket", "8")]);
    applied(apply(&["guest"], &[("ticket", "8")]).await);
    let facts = [("member.created".to_owned(), 1), ("member.updated".to_owned(), 2)];
    assert_eq!(told(place, &user).await, facts);
    // Who comes back begins anew.
    remove_member(&admin, place, &user).await;
    applied(apply(&["guest"], &[]).await);
    assert!(annotations().await.is_empty());
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = somebody();
    let request = application(&place, &admin.name, &user, vec![grant(&place, &["guest"])]);
    let (one, other) = tokio::join!(decide(request.clone()), decide(request.clone()));
    assert_eq!((applied(one), applied(other)), (vec![GrantOutcome::Granted], vec![GrantOutcome::Granted]));
    // What came of it is not part of the question.
    let mut settled = request.clone();
    settled.grants[0].set_outcome(GrantOutcome::Granted);
    assert_eq!(applied(decide(settled).await), [GrantOutcome::Granted]);
    assert_eq!(told(&place, &user).await.len(), 1);

    let changed = ApplyGrantsRequest { invitee: somebody(), ..request };
    let answer = invitation_service().community().apply_grants(changed).await;
    refused(answer, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn of_many_at_once_one_brings_the_role() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (user, one, two) = (somebody(), &tree.inside[0], &tree.inside[1]);
    let attempts = (0..16).map(|attempt| {
        let (first, second) = if attempt % 2 == 0 { (one, two) } else { (two, one) };
        let grants = vec![grant(first, &["guest"]), grant(second, &["guest"])];
        decide(application(&tree.root, &admin.name, &user, grants))
    });
    let outcomes: Vec<_> = join_all(attempts).await.into_iter().flat_map(applied).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == GrantOutcome::Granted).count(), 2);
    for place in [one, two] {
        assert_eq!(told(place, &user).await, [("member.created".to_owned(), 1)]);
    }
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let bad = ApplyGrantsRequest { invitation: "northwind".to_owned(), ..ApplyGrantsRequest::default() };
    let answer = invitation_service().community().apply_grants(bad).await;
    refused_fields(answer, &["invitation", "inviter", "invitee", "grants", "request_id"]);
}

#[tokio::test]
async fn only_the_invitation_service_applies_grants() {
    let admin = admin().await;
    let request = ApplyGrantsRequest::default;
    for caller in [&admin.caller, &Caller::nobody().service("alerts"), &Caller::nobody().service("notifier")]
    {
        refused(
            caller.community().apply_grants(request()).await,
            Code::PermissionDenied,
            "CALLER_NOT_ALLOWED",
        );
    }
    refused(
        Caller::nobody().community().apply_grants(request()).await,
        Code::Unauthenticated,
        "TOKEN_MISSING",
    );
}
