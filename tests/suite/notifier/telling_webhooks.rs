//! What webhooks are told, and which.

use sandbox::until;
use usher_api::community::CommunityKind;
use usher_api::notifier::WebhookDeliveryState;

use crate::support::acts::{delete_community, reactivate_community, suspend_community, undelete_community};
use crate::support::address;
use crate::support::endpoint::{Answer, Endpoint, Post};
use crate::support::keys::{key, revoke_key};
use crate::support::people::{Person, admin};
use crate::support::rows::{
    let_the_attempts_come, let_the_end_come, tell_again, tell_late, told_by_notifier, until_dealt_with,
    when_skipped,
};
use crate::support::tree::{Tree, community, grant, invite, managed, mssp, role};
use crate::support::webhooks::{deliveries, redrive, test_webhook, webhook, when};

/// The endpoint of a community, which wants these types.
async fn listener(admin: &Person, community: &str, types: &[&str]) -> Endpoint {
    let endpoint = Endpoint::new().await;
    webhook(admin, community, &endpoint.url, types).await;
    endpoint
}

#[tokio::test]
async fn a_webhook_is_told_what_it_asked_for() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let some = listener(&admin, &community, &["role.deleted", "apiKey.*"]).await;
    let all = listener(&admin, &community, &[]).await;
    role(&admin, &community, &["members.list"]).await;
    all.when("role.created", 1).await;
    let key = key(&admin, &community, &["members.list"]).await;
    revoke_key(&admin.caller, &key.key.name).await.unwrap();
    for listener in [&some, &all] {
        let told = listener.when("apiKey.revoked", 1).await.remove(0);
        assert_eq!(told.json()["data"]["apiKey"], key.key.name);
        listener.when("apiKey.created", 1).await;
    }
    assert_eq!(some.of("role.created").len(), 0);
}

#[tokio::test]
async fn an_mssp_community_hears_of_all_inside_and_those_inside_of_themselves() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let top = listener(&admin, &tree.root, &["role.*"]).await;
    let first = listener(&admin, &tree.inside[0], &["role.*"]).await;
    let second = listener(&admin, &tree.inside[1], &["role.*"]).await;
    let mut made = Vec::new();
    for place in [&tree.root, &tree.inside[0], &tree.inside[1]] {
        made.push(role(&admin, place, &["members.list"]).await);
    }
    let mut heard: Vec<_> = top.when("role.created", 3).await.iter().map(named).collect();
    heard.sort_unstable();
    made[..].sort_unstable();
    assert_eq!(heard, made);
    for (endpoint, place) in [(&first, &tree.inside[0]), (&second, &tree.inside[1])] {
        let heard = endpoint.when("role.created", 1).await;
        assert!(heard.len() == 1 && named(&heard[0]).starts_with(place), "{heard:?}");
    }
}

fn named(post: &Post) -> String {
    post.json()["data"]["role"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_community_that_is_made_later_is_heard_of() {
    let admin = admin().await;
    let Tree { root, .. } = mssp(&admin, 0).await;
    let top = listener(&admin, &root, &["community.*"]).await;
    let inside = community(&admin, CommunityKind::Managed, &root).await;
    // The MSSP community itself may have been made a moment before the webhook.
    until("the new community is told of", || async {
        top.of("community.created").into_iter().find(|post| post.json()["data"]["community"] == *inside)
    })
    .await;
}

#[tokio::test]
async fn of_an_invitation_each_community_hears_its_own_part() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let top = listener(&admin, &tree.root, &["invitation.*"]).await;
    let first = listener(&admin, &tree.inside[0], &["invitation.*"]).await;
    let grants = tree.inside.iter().map(|place| grant(place, &["guest"])).collect();
    let email = address("guest");
    let invitation = invite(&admin, &tree.root, &email, grants).await;
    let whole = top.when("invitation.created", 1).await.remove(0);
    let part = first.when("invitation.created", 1).await.remove(0);
    for post in [&whole, &part] {
        assert_eq!(post.json()["data"]["invitation"], invitation.name);
        assert!(!post.body.contains(&email), "addresses are not told");
    }
    assert!(tree.inside.iter().all(|place| whole.body.contains(place)));
    assert!(part.body.contains(&tree.inside[0]) && !part.body.contains(&tree.inside[1]), "{}", part.body);
}

#[tokio::test]
async fn what_comes_twice_is_told_once() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let all = listener(&admin, &community, &["role.*"]).await;
    let first = role(&admin, &community, &["members.list"]).await;
    all.when("role.created", 1).await;
    tell_again("role.created", &first).await;
    let second = role(&admin, &community, &["members.list"]).await;
    until("the second is told", || async {
        all.of("role.created").into_iter().find(|post| named(post) == second)
    })
    .await;
    assert_eq!(all.of("role.created").iter().filter(|post| named(post) == first).count(), 1);
}

#[tokio::test]
async fn what_happened_before_it_was_made_is_not_told() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let before = role(&admin, &community, &["members.list"]).await;
    until_dealt_with(&before).await;
    let all = listener(&admin, &community, &["role.*"]).await;
    tell_late("role.created", &before).await;
    until_dealt_with(&before).await;
    let after = role(&admin, &community, &["members.list"]).await;
    until("what came after is told", || async {
        all.of("role.created").into_iter().find(|post| named(post) == after)
    })
    .await;
    assert!(all.of("role.created").iter().all(|post| named(post) != before));
}

#[tokio::test]
async fn a_community_that_is_stopped_is_told_nothing_until_it_is_back() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    for (place, stopped) in [(&tree.inside[0], &tree.root), (&tree.root, &tree.root)] {
        let endpoint = Endpoint::answering([Answer::Status(500), Answer::Status(200)]).await;
        let (made, _) = webhook(&admin, place, &endpoint.url, &["settings.*"]).await;
        let waiting = test_webhook(&admin, &made.name).await.unwrap().name;
        when(&admin, &waiting, WebhookDeliveryState::Deferred, 1).await;
        suspend_community(&admin, stopped).await;
        let_the_attempts_come(&made.name).await;
        when_skipped(&waiting).await;
        reactivate_community(&admin, stopped).await;
        assert_eq!(endpoint.posts().len(), 1);
        redrive(&admin, &waiting).await.unwrap();
        when(&admin, &waiting, WebhookDeliveryState::Succeeded, 2).await;
    }
}

#[tokio::test]
async fn a_community_that_is_deleted_is_told_nothing_and_its_webhooks_end_with_it() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let endpoint = Endpoint::answering([Answer::Status(500), Answer::Status(200)]).await;
    let (made, _) = webhook(&admin, &community, &endpoint.url, &["settings.*"]).await;
    let waiting = test_webhook(&admin, &made.name).await.unwrap().name;
    when(&admin, &waiting, WebhookDeliveryState::Deferred, 1).await;
    delete_community(&admin, &community).await;
    let_the_attempts_come(&made.name).await;
    when_skipped(&waiting).await;
    undelete_community(&admin, &community).await;
    assert_eq!(deliveries(&admin, &made.name).await.len(), 1);
    delete_community(&admin, &community).await;
    let_the_end_come(&community).await;
    until("the webhook is gone", || async {
        (told_by_notifier("webhook.deleted", &made.name).await == 1).then_some(())
    })
    .await;
    assert_eq!(endpoint.posts().len(), 1);
}
