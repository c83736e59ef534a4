use futures::future::join_all;
use sandbox::Caller;
use tonic::Code;
use usher_api::community::apply_grants_response::Decision;
use usher_api::community::{ApplyGrantsRequest, Grant, GrantOutcome, Inheritance};
use uuid::Uuid;

use super::{
    alone, application, decide, enrol, holder, invitation_service, may, no_community, somebody, told,
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

/// The communities in which the inviter cannot give.
#[track_caller]
fn refused_in(decision: Decision) -> Vec<String> {
    match decision {
        Decision::Refused(refused) => refused.communities,
        Decision::Applied(applied) => panic!("applied {:?}", applied.grants),
    }
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
async fn all_grants_are_applied_or_none() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (user, one, two) = (somebody(), &tree.inside[0], &tree.inside[1]);
    let manager =
        holder(&admin, &tree.root, vec![grant(one, &["manage_member"]), grant(two, &["guest"])]).await;
    let grants = vec![grant(one, &["guest"]), grant(two, &["guest"])];
    let decision = decide(application(&tree.root, &manager.name, &user, grants)).await;
    assert_eq!(refused_in(decision), [two.clone()]);
    assert!(!may(&user, one, "communities.get").await);
    assert!(told(one, &user).await.is_empty());
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
    assert_eq!(refused_in(beyond), [inside.clone()]);
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
