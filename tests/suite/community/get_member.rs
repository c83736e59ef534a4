use sandbox::{Caller, until};
use tonic::{Code, Status};
use usher_api::community::{GetMemberRequest, Inheritance, Member, MemberSource, MemberState, SuspendReason};
use usher_api::identity::{GetUserRequest, User};

use super::{add, alone, denied, enrol, holder, names, no_community, somebody};
use crate::support::acts::{member_name, remove_member, suspend_member};
use crate::support::address;
use crate::support::people::{PASSWORD, Person, account, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, managed, mssp, role};

async fn get(caller: &Caller, name: &str) -> Result<Member, Status> {
    let answer = caller.community().get_member(GetMemberRequest { name: name.to_owned() }).await?;
    Ok(answer.into_inner().member.expect("it comes"))
}

/// The person as the identity service knows him.
async fn known(user: &str) -> User {
    let request = GetUserRequest { name: user.to_owned() };
    let answer = Caller::nobody().service("alerts").identity().get_user(request).await;
    answer.expect("there is an account").into_inner().user.expect("it comes")
}

#[tokio::test]
async fn tells_who_he_is_and_what_his_roles_amount_to() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let looker = role(&admin, &place, &["roles.list", "communities.get"]).await;
    let email = address("Noor");
    let user = account(&email, "Noor Haddad").await;
    let made = add(&admin, &place, &user, &[&looker]).await;

    let shown = get(&admin.caller, &member_name(&place, &user)).await.unwrap();
    let permissions = ["communities.get".to_owned(), "roles.list".to_owned()].to_vec();
    assert_eq!(shown, Member { permissions, ..made });
    let known = known(&user).await;
    assert_eq!((&*shown.display_name, &shown.email), ("Noor Haddad", &email));
    assert_eq!(shown.register_time, known.create_time);
    assert_eq!(shown.authentication_methods, ["password"]);
    assert_eq!(shown.last_seen_time, None);
}

#[tokio::test]
async fn somebody_without_an_account_is_a_member_without_a_name() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = somebody();
    enrol(&admin, &place, &user, vec![grant(&place, &["guest"])]).await;
    let shown = get(&admin.caller, &member_name(&place, &user)).await.unwrap();
    assert_eq!((&*shown.display_name, &*shown.email), ("", ""));
    assert!(shown.register_time.is_none() && shown.authentication_methods.is_empty());
    assert_eq!(names(&shown.roles), [format!("{place}/roles/guest")]);
}

#[tokio::test]
async fn a_sign_in_is_seen_a_moment_later() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let email = address("noor");
    let user = account(&email, "Noor Haddad").await;
    assert_eq!(add(&admin, &place, &user, &["guest"]).await.last_seen_time, None);
    Person::signed_in(&Caller::nobody(), &email, PASSWORD).await;
    let seen_time = until("the sign-in is seen", || async {
        get(&admin.caller, &member_name(&place, &user)).await.unwrap().last_seen_time
    })
    .await;
    assert_eq!(Some(seen_time), known(&user).await.last_seen_time);
}

#[tokio::test]
async fn what_is_given_and_what_is_inherited_are_told_apart() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let above = role(&admin, root, &["communities.get", "roles.list"]).await;
    let here = role(&admin, inside, &["communities.get", "members.list"]).await;
    let user = somebody();
    enrol(&admin, root, &user, vec![grant(root, &[&above]), grant(inside, &[&here])]).await;
    // Given above for that community alone, so it is nothing here.
    enrol(&admin, root, &user, vec![alone(root, &["admin"])]).await;

    let shown = get(&admin.caller, &member_name(inside, &user)).await.unwrap();
    assert_eq!((shown.source(), shown.state()), (MemberSource::Direct, MemberState::Active));
    assert_eq!((names(&shown.roles), names(&shown.inherited_roles)), (vec![&*here], vec![&*above]));
    let (given, inherited) = (&shown.roles[0], &shown.inherited_roles[0]);
    assert_eq!((&*given.inherited_from, &inherited.inherited_from), ("", root));
    assert_eq!(given.inheritance(), Inheritance::Self_);
    assert_eq!(inherited.inheritance(), Inheritance::SelfAndDescendants);
    assert_eq!(shown.permissions, ["communities.get", "members.list", "roles.list"]);
    // At the top nothing comes from above, and nothing from below.
    let shown = get(&admin.caller, &member_name(root, &user)).await.unwrap();
    assert_eq!(names(&shown.roles).len(), 2);
    assert!(shown.inherited_roles.is_empty() && shown.permissions.contains(&"members.delete".to_owned()));
}

#[tokio::test]
async fn who_reaches_the_community_from_above_is_no_member_there() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let above = role(&admin, root, &["communities.get"]).await;
    let (user, outer) = (somebody(), somebody());
    enrol(&admin, root, &user, vec![grant(root, &[&above])]).await;
    enrol(&admin, root, &outer, vec![alone(root, &[&above])]).await;

    let shown = get(&admin.caller, &member_name(inside, &user)).await.unwrap();
    assert_eq!(shown.name, member_name(inside, &user));
    assert_eq!((shown.source(), shown.state()), (MemberSource::Inherited, MemberState::Active));
    assert_eq!((names(&shown.roles).len(), names(&shown.inherited_roles)), (0, vec![&*above]));
    assert_eq!((&*shown.etag, shown.create_time, shown.update_time), ("", None, None));
    assert_eq!(shown.permissions, ["communities.get"]);
    suspend_member(&admin, root, &user).await;
    let shown = get(&admin.caller, &member_name(inside, &user)).await.unwrap();
    assert_eq!((shown.source(), shown.state()), (MemberSource::Inherited, MemberState::Suspended));
    assert!(shown.permissions.is_empty());

    let answer = get(&admin.caller, &member_name(inside, &outer)).await;
    let metadata = refused(answer, Code::NotFound, "MEMBER_NOT_FOUND");
    assert_eq!(metadata["member"], member_name(inside, &outer));
}

#[tokio::test]
async fn people_see_themselves_and_whom_they_may_list() {
    let admin = admin().await;
    let (tree, unrelated, nowhere) = (mssp(&admin, 2).await, managed(&admin).await, no_community());
    let inside = &tree.inside[0];
    let own = role(&admin, inside, &["communities.get"]).await;
    let person = holder(&admin, &tree.root, vec![grant(inside, &[&own])]).await;
    let shown = get(&person.caller, &member_name(inside, &person.name)).await.unwrap();
    assert_eq!(shown.permissions, ["communities.get"]);
    let me = get(&person.caller, &format!("{inside}/members/me")).await.unwrap();
    assert_eq!((me.name, me.etag, me.permissions), (shown.name, shown.etag, shown.permissions));
    let guest = holder(&admin, &tree.root, vec![grant(inside, &["guest"])]).await;
    let name = member_name(inside, &person.name);
    assert_eq!(get(&guest.caller, &name).await.unwrap().name, name);

    let answer = get(&person.caller, &member_name(inside, &guest.name)).await;
    denied(answer, "members.list", inside);
    for hidden in [&tree.root, &tree.inside[1], &unrelated, &nowhere] {
        let answer = get(&guest.caller, &member_name(hidden, &admin.name)).await;
        denied(answer, "members.list", hidden);
        // About himself everybody is told that there is nothing, also of a community that there is not.
        let own = member_name(hidden, &guest.name);
        let metadata = refused(get(&guest.caller, &own).await, Code::NotFound, "MEMBER_NOT_FOUND");
        assert_eq!(metadata["member"], own);
        let answer = get(&guest.caller, &format!("{hidden}/members/me")).await;
        refused(answer, Code::NotFound, "MEMBER_NOT_FOUND");
    }
}

#[tokio::test]
async fn who_is_suspended_still_sees_himself() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let guest = holder(&admin, &place, vec![grant(&place, &["guest"])]).await;
    suspend_member(&admin, &place, &guest.name).await;
    let shown = get(&guest.caller, &format!("{place}/members/me")).await.unwrap();
    assert_eq!((shown.state(), shown.suspend_reason()), (MemberState::Suspended, SuspendReason::ByMember));
    assert_eq!(names(&shown.roles), [format!("{place}/roles/guest")]);
    assert!(shown.permissions.is_empty());
    denied(get(&guest.caller, &member_name(&place, &admin.name)).await, "members.list", &place);
}

#[tokio::test]
async fn who_was_removed_is_not_there_any_more() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = somebody();
    enrol(&admin, &place, &user, vec![grant(&place, &["guest"])]).await;
    remove_member(&admin, &place, &user).await;
    let name = member_name(&place, &user);
    assert_eq!(refused(get(&admin.caller, &name).await, Code::NotFound, "MEMBER_NOT_FOUND")["member"], name);
}

#[tokio::test]
async fn services_see_everybody_and_who_they_act_for_sees_what_he_may() {
    let admin = admin().await;
    let (place, nowhere) = (managed(&admin).await, no_community());
    let service = Caller::nobody().service("alerts");
    let name = member_name(&place, &admin.name);
    assert_eq!(get(&service, &name).await.unwrap().name, name);
    let answer = get(&service, &member_name(&nowhere, &admin.name)).await;
    refused(answer, Code::NotFound, "MEMBER_NOT_FOUND");
    refused(get(&Caller::nobody(), &name).await, Code::Unauthenticated, "TOKEN_MISSING");

    let stranger = Person::new("stranger").await;
    let for_stranger = service.on_behalf_of(&stranger.credentials.access_token);
    denied(get(&for_stranger, &name).await, "members.list", &place);
    let for_admin = service.on_behalf_of(&admin.credentials.access_token);
    assert_eq!(get(&for_admin, &format!("{place}/members/me")).await.unwrap().name, name);
    // Alone it is nobody in particular.
    let answer = get(&service, &format!("{place}/members/me")).await;
    refused(answer, Code::Unauthenticated, "TOKEN_MISSING");
}

#[tokio::test]
async fn the_name_must_be_one() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let bad = ["", "communities/northwind/members/me", &format!("{place}/members/you"), &admin.name, &place];
    for name in bad {
        refused_fields(get(&admin.caller, name).await, &["name"]);
    }
}
