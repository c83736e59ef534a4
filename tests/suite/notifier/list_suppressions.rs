use tonic::Code;
use usher_api::notifier::ListSuppressionsRequest;

use super::{suppress, suppression_of};
use crate::support::address;
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};

#[tokio::test]
async fn finds_by_address_and_pages_newest_first() {
    let (admin, emails) = (admin().await, [address("a"), address("b")]);
    let older = suppress(&admin, &emails[0]).await;
    let newer = suppress(&admin, &emails[1]).await;
    assert_eq!(suppression_of(&admin, &emails[0].to_uppercase()).await, Some(older.clone()));
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    while !seen.contains(&older.name) {
        let request = ListSuppressionsRequest { page_size: 1, page_token, ..Default::default() };
        let page = admin.caller.notifier().list_suppressions(request).await.unwrap().into_inner();
        assert_eq!(page.suppressions.len(), 1);
        seen.extend(page.suppressions.into_iter().map(|suppression| suppression.name));
        page_token = page.next_page_token;
    }
    let place = |name| seen.iter().position(|it| it == name);
    assert!(place(&newer.name) < place(&older.name), "{seen:?}");
}

#[tokio::test]
async fn a_page_token_serves_its_own_list_only() {
    let admin = admin().await;
    suppress(&admin, &address("a")).await;
    suppress(&admin, &address("b")).await;
    let all = ListSuppressionsRequest { page_size: 1, ..Default::default() };
    let mut client = admin.caller.notifier();
    let page = client.list_suppressions(all.clone()).await.unwrap().into_inner();
    for page_token in [page.next_page_token, "forged".to_owned()] {
        let request = ListSuppressionsRequest { email: address("c"), page_token, ..all.clone() };
        refused(client.list_suppressions(request).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let bad = ListSuppressionsRequest { email: "mira".to_owned(), page_size: -1, page_token: String::new() };
    refused_fields(admin().await.caller.notifier().list_suppressions(bad).await, &["email", "page_size"]);
}
