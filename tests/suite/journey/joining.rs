//! Who is where after accepting, and what follows from it.

use usher_api::community::CommunityKind;

use crate::support::people::{Person, admin};
use crate::support::tree::{allowed, community, grant, invite, join, member, mssp, role, token};

#[tokio::test]
async fn a_guest_of_the_main_community_reaches_everything_inside_also_what_comes_later() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let manager = member(&admin, &tree.root, &tree.root, &["manage_member", "analyst"]).await;
    let guest = Person::new("guest").await;
    join(&manager, &tree.root, &guest, vec![grant(&tree.root, &["analyst"])]).await;
    let later = community(&admin, CommunityKind::Managed, &tree.root).await;
    for place in [&tree.root, &tree.inside[0], &tree.inside[1], &later] {
        assert!(allowed(&guest, place, "communities.get").await, "{place}");
        assert!(!allowed(&guest, place, "invitations.create").await, "{place}");
    }
}

#[tokio::test]
async fn a_guest_of_communities_inside_reaches_exactly_those_by_one_acceptance() {
    let admin = admin().await;
    let tree = mssp(&admin, 3).await;
    let guest = Person::new("guest").await;
    join(
        &admin,
        &tree.root,
        &guest,
        vec![grant(&tree.inside[0], &["guest"]), grant(&tree.inside[1], &["guest"])],
    )
    .await;
    let reached =
        [(&tree.inside[0], true), (&tree.inside[1], true), (&tree.inside[2], false), (&tree.root, false)];
    for (place, expected) in reached {
        assert_eq!(allowed(&guest, place, "communities.get").await, expected, "{place}");
    }
}

#[tokio::test]
async fn roles_inside_add_to_inherited_ones_and_leave_siblings_alone() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let custom = role(&admin, &tree.root, &["communities.get", "members.delete"]).await;
    let guest = Person::new("guest").await;
    join(&admin, &tree.root, &guest, vec![grant(&tree.root, &["guest"])]).await;
    join(&admin, &tree.root, &guest, vec![grant(&tree.inside[0], &[&custom])]).await;
    assert!(allowed(&guest, &tree.inside[0], "members.delete").await);
    assert!(allowed(&guest, &tree.inside[0], "members.list").await);
    assert!(!allowed(&guest, &tree.inside[1], "members.delete").await);
    assert!(!allowed(&guest, &tree.root, "members.delete").await);
}

#[tokio::test]
async fn a_manager_of_one_community_invites_there_and_nowhere_else() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let manager = member(&admin, &tree.root, &tree.inside[0], &["manage_member"]).await;
    let guest = Person::new("guest").await;
    let invitation =
        invite(&manager, &tree.root, &guest.email, vec![grant(&tree.inside[0], &["guest"])]).await;
    crate::support::tree::accept(&guest, &token(&manager, &invitation.name).await).await.unwrap();
    assert!(allowed(&guest, &tree.inside[0], "communities.get").await);
    let elsewhere =
        crate::support::tree::offer(&tree.root, "a@guest.test", vec![grant(&tree.inside[1], &["guest"])]);
    assert!(manager.caller.invitation().create_invitation(elsewhere).await.is_err());
}
