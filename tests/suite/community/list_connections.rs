use usher_api::community::ListConnectionsRequest;

use crate::support::oidc::{create, draft};
use crate::support::people::admin;
use crate::support::refusal::refused_fields;
use crate::support::tree::managed;

#[tokio::test]
async fn lists_those_of_the_community_by_pages() {
    let admin = admin().await;
    let (community, other) = (managed(&admin).await, managed(&admin).await);
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(create(&admin, draft(&community, "https://accounts.example.com", &[])).await.unwrap());
        create(&admin, draft(&other, "https://accounts.example.com", &[])).await.unwrap();
    }
    let ask =
        |page_token: String| ListConnectionsRequest { parent: community.clone(), page_size: 2, page_token };
    let first = admin.caller.community().list_connections(ask(String::new())).await.unwrap().into_inner();
    let second =
        admin.caller.community().list_connections(ask(first.next_page_token)).await.unwrap().into_inner();
    assert_eq!([first.connections, second.connections].concat(), made);
    assert!(second.next_page_token.is_empty());
    let bad = ListConnectionsRequest { page_size: -1, ..ask(String::new()) };
    refused_fields(admin.caller.community().list_connections(bad).await, &["page_size"]);
}
