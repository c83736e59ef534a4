use std::time::Duration;

use sandbox::until;
use tonic::{Code, Status};
use usher_api::community::{
    CommunitySettings, Member, MemberSource, MemberState, SuspendMemberRequest, SuspendReason,
};

use super::{
    add, alone, ask_of_members, become_absent, denied, enrol, holder, may, names, no_community, outsiders,
    seen, somebody, swept, told,
};
use crate::support::acts::{member_name, reactivate_member, remove_member, suspend_community};
use crate::support::address;
use crate::support::people::{Person, account, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::rows::{age_account, age_membership, age_person};
use crate::support::tree::{grant, managed, mssp};

const PERMISSION: &str = "members.suspend";
const LONG: Duration = Duration::from_hours(91 * 24);

fn request(community: &str, user: &str) -> SuspendMemberRequest {
    SuspendMemberRequest { name: member_name(community, user), etag: String::new(), request_id: request_id() }
}

async fn suspend(actor: &Person, request: SuspendMemberRequest) -> Result<Member, Status> {
    let answer = actor.caller.community().suspend_member(request).await?;
    Ok(answer.into_inner().member.expect("it comes"))
}

#[tokio::test]
async fn what_he_was_given_counts_no_longer() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manager = holder(&admin, &place, vec![grant(&place, &["manage_member"])]).await;
    let user = somebody();
    enrol(&admin, &place, &user, vec![grant(&place, &["guest"])]).await;
    let before = seen(&place, &user).await.unwrap();
    let after = suspend(&manager, request(&place, &user)).await.unwrap();
    assert_eq!((after.state(), after.suspend_reason()), (MemberState::Suspended, SuspendReason::ByMember));
    assert_eq!((&after.roles, after.create_time), (&before.roles, before.create_time));
    assert_ne!(after.etag, before.etag);
    assert_eq!(seen(&place, &user).await.unwrap(), Member { permissions: Vec::new(), ..after });
    assert!(!may(&user, &place, "communities.get").await);
    assert_eq!(told(&place, &user).await.last().unwrap(), &("member.suspended".to_owned(), 2));

    let metadata = refused(
        suspend(&manager, request(&place, &user)).await,
        Code::FailedPrecondition,
        "MEMBER_SUSPENDED",
    );
    assert_eq!(metadata["member"], member_name(&place, &user));
}

#[tokio::test]
async fn what_he_inherits_counts_on_and_what_he_was_given_inside_too() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let user = somebody();
    enrol(&admin, root, &user, vec![grant(root, &["guest"]), grant(inside, &["manage_roles"])]).await;
    let after = suspend(&admin, request(inside, &user)).await.unwrap();
    assert_eq!(names(&after.inherited_roles), [format!("{root}/roles/guest")]);
    assert!(may(&user, inside, "communities.get").await && !may(&user, inside, "roles.create").await);
    reactivate_member(&admin, inside, &user).await;
    suspend(&admin, request(root, &user)).await.unwrap();
    let here = seen(inside, &user).await.unwrap();
    assert_eq!((here.state(), here.source()), (MemberState::Active, MemberSource::Direct));
    assert!(!may(&user, root, "communities.get").await && may(&user, inside, "roles.create").await);
}

#[tokio::test]
async fn only_members_are_suspended() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let (above, beside, gone) = (somebody(), somebody(), somebody());
    enrol(&admin, root, &above, vec![grant(root, &["guest"])]).await;
    enrol(&admin, root, &beside, vec![grant(&tree.inside[1], &["guest"])]).await;
    enrol(&admin, root, &gone, vec![grant(inside, &["guest"])]).await;
    remove_member(&admin, inside, &gone).await;
    let answer = suspend(&admin, request(inside, &above)).await;
    let metadata = refused(answer, Code::FailedPrecondition, "MEMBERSHIP_INHERITED");
    assert_eq!(metadata["member"], member_name(inside, &above));
    assert_eq!(metadata["inherited_from"], member_name(root, &above));
    for user in [&beside, &gone, &somebody()] {
        let answer = suspend(&admin, request(inside, user)).await;
        let metadata = refused(answer, Code::NotFound, "MEMBER_NOT_FOUND");
        assert_eq!(metadata["member"], member_name(inside, user));
    }
}

#[tokio::test]
async fn nobody_suspends_who_holds_more() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manager = holder(&admin, &place, vec![grant(&place, &["manage_member"])]).await;
    let chief = somebody();
    enrol(&admin, &place, &chief, vec![grant(&place, &["guest", "admin"])]).await;
    let before = seen(&place, &chief).await;
    let answer = suspend(&manager, request(&place, &chief)).await;
    let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert_eq!((&metadata["community"], &metadata["role"]), (&place, &format!("{place}/roles/admin")));
    assert_eq!(seen(&place, &chief).await, before);
}

#[tokio::test]
async fn the_last_administrator_is_not_suspended() {
    let admin = admin().await;
    let (place, tree) = (managed(&admin).await, mssp(&admin, 1).await);
    let outer = somebody();
    enrol(&admin, &tree.root, &outer, vec![alone(&tree.root, &["admin"])]).await;
    for top in [&place, &tree.root] {
        let before = seen(top, &admin.name).await;
        let answer = suspend(&admin, request(top, &admin.name)).await;
        let metadata = refused(answer, Code::FailedPrecondition, "LAST_ADMINISTRATOR");
        assert_eq!(&metadata["community"], top);
        assert_eq!(seen(top, &admin.name).await, before);
    }
    let inner = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["admin"])]).await;
    suspend(&inner, request(&tree.inside[0], &inner.name)).await.unwrap();
}

#[tokio::test]
async fn a_stale_etag_is_refused() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = somebody();
    enrol(&admin, &place, &user, vec![grant(&place, &["guest"])]).await;
    let stale = seen(&place, &user).await.unwrap().etag;
    enrol(&admin, &place, &user, vec![grant(&place, &["analyst"])]).await;
    let asked = SuspendMemberRequest { etag: stale, ..request(&place, &user) };
    let metadata = refused(suspend(&admin, asked).await, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(metadata["resource"], member_name(&place, &user));
    let member = seen(&place, &user).await.unwrap();
    assert_eq!(member.state(), MemberState::Active);
    suspend(&admin, SuspendMemberRequest { etag: member.etag, ..request(&place, &user) }).await.unwrap();
}

#[tokio::test]
async fn refuses_whoever_may_not_suspend_there() {
    let admin = admin().await;
    let (tree, unrelated, nowhere) = (mssp(&admin, 2).await, managed(&admin).await, no_community());
    let place = &tree.inside[0];
    let user = somebody();
    enrol(&admin, &tree.root, &user, vec![grant(place, &["guest"])]).await;
    for outsider in outsiders(&admin, &tree).await {
        denied(suspend(&outsider, request(place, &user)).await, PERMISSION, place);
        // Authority comes before the rest.
        let bad = SuspendMemberRequest { request_id: "42".to_owned(), ..request(place, &somebody()) };
        denied(suspend(&outsider, bad).await, PERMISSION, place);
    }
    let inner = holder(&admin, &tree.root, vec![grant(place, &["admin"])]).await;
    for hidden in [&tree.root, &unrelated, &nowhere] {
        denied(suspend(&inner, request(hidden, &user)).await, PERMISSION, hidden);
    }
    suspend_community(&admin, &tree.root).await;
    let answer = suspend(&inner, request(place, &user)).await;
    let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
    assert_eq!((&metadata["community"], &*metadata["state"]), (place, "SUSPENDED"));
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let bad = SuspendMemberRequest { request_id: "42".to_owned(), ..request("northwind", "users/me") };
    refused_fields(suspend(&admin, bad).await, &["name", "request_id"]);
    let bad = SuspendMemberRequest { request_id: "42".to_owned(), ..request(&place, &somebody()) };
    refused_fields(suspend(&admin, bad).await, &["request_id"]);
    refused_fields(suspend(&admin, request(&place, "users/me")).await, &["name"]);
}

#[tokio::test]
async fn a_repeated_request_suspends_once() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (user, other) = (somebody(), somebody());
    for user in [&user, &other] {
        enrol(&admin, &place, user, vec![grant(&place, &["guest"])]).await;
    }
    let asked = request(&place, &user);
    let (one, two) = tokio::join!(suspend(&admin, asked.clone()), suspend(&admin, asked.clone()));
    let after = one.unwrap();
    assert_eq!(two.unwrap(), after);
    reactivate_member(&admin, &place, &user).await;
    assert_eq!(suspend(&admin, asked.clone()).await.unwrap(), after);
    assert!(may(&user, &place, "communities.get").await);

    let changed = SuspendMemberRequest { request_id: asked.request_id.clone(), ..request(&place, &other) };
    let metadata = refused(suspend(&admin, changed).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(metadata["request_id"], asked.request_id);
}

/// Settings by which members who stay away are suspended.
fn strict() -> CommunitySettings {
    CommunitySettings { deactivate_inactive_members: true, ..CommunitySettings::default() }
}

/// A member who was never seen, as yet.
async fn newcomer(admin: &Person, place: &str) -> String {
    let user = account(&address("newcomer"), "Noor Haddad").await;
    add(admin, place, &user, &["guest"]).await;
    user
}

#[tokio::test]
async fn who_stays_away_is_suspended_where_the_community_or_the_one_above_asks_for_it() {
    let admin = admin().await;
    let (lax, tree, strict_place) = (managed(&admin).await, mssp(&admin, 1).await, managed(&admin).await);
    for place in [&tree.root, &strict_place] {
        ask_of_members(&admin, place, strict()).await;
    }
    let tolerated = newcomer(&admin, &lax).await;
    become_absent(&lax, &tolerated).await;
    for place in [&tree.root, &tree.inside[0], &strict_place] {
        let user = newcomer(&admin, place).await;
        become_absent(place, &user).await;
        let member = until("he is suspended", || async {
            seen(place, &user).await.filter(|member| member.state() == MemberState::Suspended)
        })
        .await;
        assert_eq!(member.suspend_reason(), SuspendReason::Inactive);
        assert!(!may(&user, place, "communities.get").await);
        let facts = [("member.created".to_owned(), 1), ("member.suspended".to_owned(), 2)];
        assert_eq!(told(place, &user).await, facts);
    }
    assert_eq!(seen(&lax, &tolerated).await.unwrap().state(), MemberState::Active);
}

#[tokio::test]
async fn who_was_seen_lately_or_came_lately_stays() {
    let admin = admin().await;
    let place = managed(&admin).await;
    ask_of_members(&admin, &place, strict()).await;
    let soon = Duration::from_hours(89 * 24);
    let users =
        [newcomer(&admin, &place).await, newcomer(&admin, &place).await, newcomer(&admin, &place).await];
    let [nearly, late_news, new] = &users;
    age_account(nearly, soon).await;
    age_person(nearly, soon).await;
    age_membership(&place, nearly, LONG).await;
    // The news that he was seen has not come through.
    age_account(late_news, Duration::ZERO).await;
    age_person(late_news, LONG).await;
    age_membership(&place, late_news, LONG).await;
    age_account(new, LONG).await;
    age_person(new, LONG).await;

    swept(&admin, &place).await;
    for user in &users {
        assert_eq!(seen(&place, user).await.unwrap().state(), MemberState::Active);
    }
}

#[tokio::test]
async fn the_last_administrator_stays_however_long_he_is_away() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let owner = account(&address("owner"), "Ana Lima").await;
    ask_of_members(&admin, &place, strict()).await;
    add(&admin, &place, &owner, &["admin"]).await;
    let manager = holder(&admin, &place, vec![grant(&place, &["manage_member"])]).await;
    remove_member(&admin, &place, &admin.name).await;
    become_absent(&place, &owner).await;
    swept(&manager, &place).await;
    assert_eq!(seen(&place, &owner).await.unwrap().state(), MemberState::Active);
    assert!(may(&owner, &place, "members.delete").await);
}
