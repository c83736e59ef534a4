use std::time::Duration;

use futures::future::join_all;
use sandbox::{Caller, until};
use tonic::{Code, Status};
use usher_api::community::{CommunitySettings, Member, MemberState, ReactivateMemberRequest, SuspendReason};
use usher_runtime::{Clock, Timestamp};

use super::{
    add, ask_of_members, become_absent, denied, enrol, holder, may, no_community, outsiders, seen, somebody,
    swept, told,
};
use crate::support::acts::{member_name, suspend_community, suspend_member};
use crate::support::address;
use crate::support::people::{PASSWORD, Person, account, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::rows::age_reactivation;
use crate::support::tree::{grant, managed, mssp};

const PERMISSION: &str = "members.suspend";
const DAY: Duration = Duration::from_hours(24);

fn request(community: &str, user: &str) -> ReactivateMemberRequest {
    ReactivateMemberRequest {
        name: member_name(community, user),
        etag: String::new(),
        request_id: request_id(),
    }
}

async fn reactivate(actor: &Person, request: ReactivateMemberRequest) -> Result<Member, Status> {
    let answer = actor.caller.community().reactivate_member(request).await?;
    Ok(answer.into_inner().member.expect("it comes"))
}

/// Somebody whose membership in `community` of the tree of `root` is suspended.
async fn suspended(admin: &Person, root: &str, community: &str, roles: &[&str]) -> String {
    let user = somebody();
    enrol(admin, root, &user, vec![grant(community, roles)]).await;
    suspend_member(admin, community, &user).await;
    user
}

#[tokio::test]
async fn what_he_was_given_counts_again() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manager = holder(&admin, &place, vec![grant(&place, &["manage_member"])]).await;
    let user = suspended(&admin, &place, &place, &["guest"]).await;
    let before = seen(&place, &user).await.unwrap();
    let after = reactivate(&manager, request(&place, &user)).await.unwrap();
    assert_eq!((after.state(), after.suspend_reason()), (MemberState::Active, SuspendReason::Unspecified));
    assert_eq!((&after.roles, after.create_time), (&before.roles, before.create_time));
    assert_ne!(after.etag, before.etag);
    assert_eq!(seen(&place, &user).await.unwrap().etag, after.etag);
    assert!(may(&user, &place, "communities.get").await);
    assert_eq!(told(&place, &user).await.last().unwrap(), &("member.reactivated".to_owned(), 3));

    let answer = reactivate(&manager, request(&place, &user)).await;
    let metadata = refused(answer, Code::FailedPrecondition, "MEMBER_NOT_SUSPENDED");
    assert_eq!(metadata["member"], member_name(&place, &user));
}

#[tokio::test]
async fn only_members_are_reactivated() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let above = suspended(&admin, root, root, &["guest"]).await;
    let beside = suspended(&admin, root, &tree.inside[1], &["guest"]).await;
    let answer = reactivate(&admin, request(inside, &above)).await;
    let metadata = refused(answer, Code::FailedPrecondition, "MEMBERSHIP_INHERITED");
    assert_eq!(metadata["member"], member_name(inside, &above));
    assert_eq!(metadata["inherited_from"], member_name(root, &above));
    for user in [&beside, &somebody()] {
        let answer = reactivate(&admin, request(inside, user)).await;
        let metadata = refused(answer, Code::NotFound, "MEMBER_NOT_FOUND");
        assert_eq!(metadata["member"], member_name(inside, user));
    }
    assert_eq!(seen(root, &above).await.unwrap().state(), MemberState::Suspended);
}

#[tokio::test]
async fn nobody_reactivates_who_holds_more() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manager = holder(&admin, &place, vec![grant(&place, &["manage_member"])]).await;
    let chief = suspended(&admin, &place, &place, &["guest", "admin"]).await;
    let before = seen(&place, &chief).await;
    let answer = reactivate(&manager, request(&place, &chief)).await;
    let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert_eq!((&metadata["community"], &metadata["role"]), (&place, &format!("{place}/roles/admin")));
    assert_eq!(seen(&place, &chief).await, before);
    // Nor himself, while he is suspended.
    suspend_member(&admin, &place, &manager.name).await;
    denied(reactivate(&manager, request(&place, &manager.name)).await, PERMISSION, &place);
}

#[tokio::test]
async fn of_many_at_once_no_more_come_back_than_there_are_seats() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let users = join_all((0..6).map(|_| suspended(&admin, &place, &place, &["guest"]))).await;
    let settings = CommunitySettings { seat_limit: 3, ..CommunitySettings::default() };
    ask_of_members(&admin, &place, settings).await;
    let comebacks = users.iter().map(|user| reactivate(&admin, request(&place, user)));
    let (back, full): (Vec<_>, Vec<_>) = join_all(comebacks).await.into_iter().partition(Result::is_ok);
    // One seat is the administrator's.
    assert_eq!(back.len(), 2);
    for answer in full {
        let metadata = refused(answer, Code::ResourceExhausted, "SEAT_LIMIT_REACHED");
        assert_eq!((&metadata["community"], &*metadata["limit"]), (&place, "3"));
    }
    suspend_member(&admin, &place, &back[0].as_ref().unwrap().user).await;
    let newcomer = account(&address("newcomer"), "Noor Haddad").await;
    add(&admin, &place, &newcomer, &["guest"]).await;
}

#[tokio::test]
async fn a_stale_etag_is_refused() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = somebody();
    enrol(&admin, &place, &user, vec![grant(&place, &["guest"])]).await;
    let stale = seen(&place, &user).await.unwrap().etag;
    suspend_member(&admin, &place, &user).await;
    let asked = ReactivateMemberRequest { etag: stale, ..request(&place, &user) };
    let metadata = refused(reactivate(&admin, asked).await, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(metadata["resource"], member_name(&place, &user));
    let member = seen(&place, &user).await.unwrap();
    assert_eq!(member.state(), MemberState::Suspended);
    let asked = ReactivateMemberRequest { etag: member.etag, ..request(&place, &user) };
    reactivate(&admin, asked).await.unwrap();
}

#[tokio::test]
async fn refuses_whoever_may_not_reactivate_there() {
    let admin = admin().await;
    let (tree, unrelated, nowhere) = (mssp(&admin, 2).await, managed(&admin).await, no_community());
    let place = &tree.inside[0];
    let user = suspended(&admin, &tree.root, place, &["guest"]).await;
    for outsider in outsiders(&admin, &tree).await {
        denied(reactivate(&outsider, request(place, &user)).await, PERMISSION, place);
        // Authority comes before the rest.
        let bad = ReactivateMemberRequest { request_id: "42".to_owned(), ..request(place, &somebody()) };
        denied(reactivate(&outsider, bad).await, PERMISSION, place);
    }
    let inner = holder(&admin, &tree.root, vec![grant(place, &["admin"])]).await;
    for hidden in [&tree.root, &unrelated, &nowhere] {
        denied(reactivate(&inner, request(hidden, &user)).await, PERMISSION, hidden);
    }
    suspend_community(&admin, place).await;
    let answer = reactivate(&inner, request(place, &user)).await;
    let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
    assert_eq!((&metadata["community"], &*metadata["state"]), (place, "SUSPENDED"));
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let bad = ReactivateMemberRequest { request_id: "42".to_owned(), ..request("northwind", "users/me") };
    refused_fields(reactivate(&admin, bad).await, &["name", "request_id"]);
    let bad = ReactivateMemberRequest { request_id: "42".to_owned(), ..request(&place, &somebody()) };
    refused_fields(reactivate(&admin, bad).await, &["request_id"]);
    refused_fields(reactivate(&admin, request(&place, "users/me")).await, &["name"]);
}

#[tokio::test]
async fn a_repeated_request_reactivates_once() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = suspended(&admin, &place, &place, &["guest"]).await;
    let other = suspended(&admin, &place, &place, &["guest"]).await;
    let asked = request(&place, &user);
    let (one, two) = tokio::join!(reactivate(&admin, asked.clone()), reactivate(&admin, asked.clone()));
    let after = one.unwrap();
    assert_eq!(two.unwrap(), after);
    suspend_member(&admin, &place, &user).await;
    assert_eq!(reactivate(&admin, asked.clone()).await.unwrap(), after);
    assert!(!may(&user, &place, "communities.get").await);

    let changed = ReactivateMemberRequest { request_id: asked.request_id.clone(), ..request(&place, &other) };
    let metadata = refused(reactivate(&admin, changed).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(metadata["request_id"], asked.request_id);
}

/// A community that suspends members who stay away, and one of them, suspended: his name and address.
async fn suspended_for_absence(admin: &Person) -> (String, String, String) {
    let (place, email) = (managed(admin).await, address("newcomer"));
    let settings = CommunitySettings { deactivate_inactive_members: true, ..CommunitySettings::default() };
    ask_of_members(admin, &place, settings).await;
    let user = account(&email, "Noor Haddad").await;
    add(admin, &place, &user, &["guest"]).await;
    become_absent(&place, &user).await;
    suspension_for_absence(&place, &user).await;
    (place, user, email)
}

async fn suspension_for_absence(place: &str, user: &str) {
    until("he is suspended", || async {
        seen(place, user).await.filter(|member| member.suspend_reason() == SuspendReason::Inactive)
    })
    .await;
}

/// Waits for the next day if this one (UTC) is about to end, which would suspend again whom the test reactivates.
async fn clear_of_midnight() {
    until("midnight is past", || async {
        let Timestamp(now) = Clock::system().now();
        let left = DAY.as_micros() - u128::try_from(now).unwrap() % DAY.as_micros();
        (left > Duration::from_secs(30).as_micros()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_was_away_has_until_the_end_of_the_day_to_sign_in() {
    let admin = admin().await;
    let (place, user, _) = suspended_for_absence(&admin).await;
    clear_of_midnight().await;
    reactivate(&admin, request(&place, &user)).await.unwrap();
    swept(&admin, &place).await;
    assert_eq!(seen(&place, &user).await.unwrap().state(), MemberState::Active);

    age_reactivation(&place, &user, DAY).await;
    suspension_for_absence(&place, &user).await;
    assert!(!may(&user, &place, "communities.get").await);
}

#[tokio::test]
async fn who_signs_in_after_he_was_reactivated_stays() {
    let admin = admin().await;
    let (place, user, email) = suspended_for_absence(&admin).await;
    clear_of_midnight().await;
    reactivate(&admin, request(&place, &user)).await.unwrap();
    Person::signed_in(&Caller::nobody(), &email, PASSWORD).await;
    age_reactivation(&place, &user, DAY).await;
    swept(&admin, &place).await;
    assert_eq!(seen(&place, &user).await.unwrap().state(), MemberState::Active);
}
