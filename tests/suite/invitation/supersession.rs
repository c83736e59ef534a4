//! What becomes of invitations when the person comes to be a member in another way.

use sandbox::until;
use usher_api::community::{CreateMemberRequest, EffectiveRole, Grant, Inheritance, Member};
use usher_api::invitation::{GetInvitationRequest, Invitation, InvitationState, RevokeReason};

use crate::support::acts::{remove_member, set_roles};
use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::tree::{accept, allowed, grant, invite, managed, mssp, token};

async fn now(admin: &Person, name: &str) -> Invitation {
    let request = GetInvitationRequest { name: name.to_owned() };
    let answer = admin.caller.invitation().get_invitation(request).await;
    answer.expect("the administrator sees it").into_inner().invitation.expect("it comes")
}

async fn is_superseded(admin: &Person, name: &str) {
    until("the invitation is superseded", || async {
        (now(admin, name).await.state() == InvitationState::Revoked).then_some(())
    })
    .await;
    assert_eq!(now(admin, name).await.revoke_reason(), RevokeReason::Superseded);
}

async fn is_pending(admin: &Person, name: &str) {
    assert_eq!(now(admin, name).await.state(), InvitationState::Pending, "{name}");
}

/// Makes `user` a member without asking him.
async fn add(admin: &Person, community: &str, user: &str, roles: &[&str]) {
    let role = |role: &&str| EffectiveRole { role: (*role).to_owned(), ..EffectiveRole::default() };
    let member =
        Member { user: user.to_owned(), roles: roles.iter().map(role).collect(), ..Member::default() };
    let request = CreateMemberRequest {
        parent: community.to_owned(),
        member: Some(member),
        ..CreateMemberRequest::default()
    };
    admin.caller.community().create_member(request).await.expect("he is made a member");
}

/// Waits until all that was told before about memberships of the tree is heard.
async fn heard(admin: &Person, root: &str) {
    let last = Person::new("last").await;
    let invitation = invite(admin, root, &last.email, vec![grant(root, &["guest"])]).await;
    add(admin, root, &last.name, &["guest"]).await;
    is_superseded(admin, &invitation.name).await;
}

#[tokio::test]
async fn who_is_added_with_all_that_he_is_offered_needs_no_invitation() {
    let (admin, person) = (admin().await, Person::new("person").await);
    let place = managed(&admin).await;
    let email = person.email.to_uppercase();
    let invitation = invite(&admin, &place, &email, vec![grant(&place, &["guest"])]).await;
    let to_another = invite(&admin, &place, &address("other"), vec![grant(&place, &["guest"])]).await;
    add(&admin, &place, &person.name, &["guest", "analyst"]).await;
    is_superseded(&admin, &invitation.name).await;
    is_pending(&admin, &to_another.name).await;
    // He stays what he was made, and can be invited to more.
    assert!(allowed(&person, &place, "communities.get").await);
    invite(&admin, &place, &person.email, vec![grant(&place, &["admin"])]).await;
}

#[tokio::test]
async fn who_is_added_with_less_can_still_accept_and_then_with_the_rest_needs_to_no_more() {
    let (admin, person) = (admin().await, Person::new("person").await);
    let place = managed(&admin).await;
    let more = invite(&admin, &place, &person.email, vec![grant(&place, &["guest", "analyst"])]).await;
    add(&admin, &place, &person.name, &["guest"]).await;
    heard(&admin, &place).await;
    is_pending(&admin, &more.name).await;
    let both = ["guest", "analyst"].map(|role| (role.to_owned(), Inheritance::Self_));
    set_roles(&admin, &place, &person.name, both).await;
    is_superseded(&admin, &more.name).await;

    let other = Person::new("other").await;
    let offer = invite(&admin, &place, &other.email, vec![grant(&place, &["admin"])]).await;
    add(&admin, &place, &other.name, &["guest"]).await;
    heard(&admin, &place).await;
    accept(&other, &token(&admin, &offer.name).await).await.unwrap();
    assert!(allowed(&other, &place, "members.delete").await);
}

#[tokio::test]
async fn an_invitation_into_several_communities_waits_until_he_is_in_all() {
    let (admin, person) = (admin().await, Person::new("person").await);
    let tree = mssp(&admin, 2).await;
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let both = vec![grant(one, &["guest"]), grant(two, &["guest"])];
    let into_both = invite(&admin, root, &person.email, both).await;
    let into_root = invite(&admin, root, &person.email, vec![grant(root, &["guest"])]).await;
    add(&admin, one, &person.name, &["guest"]).await;
    heard(&admin, root).await;
    is_pending(&admin, &into_both.name).await;
    add(&admin, two, &person.name, &["guest"]).await;
    is_superseded(&admin, &into_both.name).await;
    is_pending(&admin, &into_root.name).await;
    // In the main community alone is less than in all inside, too.
    let alone = Grant { inheritance: Inheritance::Self_.into(), ..grant(root, &["guest"]) };
    let member = Member {
        user: person.name.clone(),
        roles: vec![EffectiveRole {
            role: "guest".to_owned(),
            inheritance: alone.inheritance,
            ..EffectiveRole::default()
        }],
        ..Member::default()
    };
    let request =
        CreateMemberRequest { parent: root.clone(), member: Some(member), ..CreateMemberRequest::default() };
    admin.caller.community().create_member(request).await.unwrap();
    heard(&admin, root).await;
    is_pending(&admin, &into_root.name).await;
}

#[tokio::test]
async fn what_is_offered_after_he_was_added_stays() {
    let (admin, person) = (admin().await, Person::new("person").await);
    let place = managed(&admin).await;
    add(&admin, &place, &person.name, &["guest"]).await;
    remove_member(&admin, &place, &person.name).await;
    let back = invite(&admin, &place, &person.email, vec![grant(&place, &["guest"])]).await;
    heard(&admin, &place).await;
    is_pending(&admin, &back.name).await;
}
