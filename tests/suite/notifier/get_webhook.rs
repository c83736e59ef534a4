use tonic::Code;

use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{managed, member};
use crate::support::webhooks::{get_webhook, webhook};

#[tokio::test]
async fn is_found_in_its_own_community_alone() {
    let admin = admin().await;
    let (community, other) = (managed(&admin).await, managed(&admin).await);
    let (made, _) = webhook(&admin, &community, "https://example.com/hook", &["role.deleted"]).await;
    assert_eq!(get_webhook(&admin, &made.name).await.unwrap(), made);
    let crossed = made.name.replace(&community, &other);
    let metadata = refused(get_webhook(&admin, &crossed).await, Code::NotFound, "WEBHOOK_NOT_FOUND");
    assert_eq!(metadata["webhook"], crossed);
}

#[tokio::test]
async fn is_shown_to_whoever_may_see_webhooks() {
    let admin = admin().await;
    let (community, other) = (managed(&admin).await, managed(&admin).await);
    let (made, _) = webhook(&admin, &community, "https://example.com/hook", &[]).await;
    let elsewhere = member(&admin, &other, &other, &["admin"]).await;
    let guest = member(&admin, &community, &community, &["guest"]).await;
    for person in [Person::new("stranger").await, guest, elsewhere] {
        let answer = get_webhook(&person, &made.name).await;
        let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&*metadata["permission"], &metadata["resource"]), ("webhooks.list", &community));
    }
    refused_fields(get_webhook(&admin, &format!("{community}/hooks/1")).await, &["name"]);
}
