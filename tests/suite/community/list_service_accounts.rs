use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{
    CreateServiceAccountRequest, ListServiceAccountsRequest, ListServiceAccountsResponse, ServiceAccount,
};
use uuid::Uuid;

use super::{denied, no_community, outsiders};
use crate::support::keys::{account, give, key};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::mssp;

async fn list(
    caller: &Caller,
    request: ListServiceAccountsRequest,
) -> Result<ListServiceAccountsResponse, Status> {
    Ok(caller.community().list_service_accounts(request).await?.into_inner())
}

fn of(community: &str) -> ListServiceAccountsRequest {
    ListServiceAccountsRequest { community: community.to_owned(), ..ListServiceAccountsRequest::default() }
}

#[tokio::test]
async fn a_community_sees_those_that_it_gave_something_and_what() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (one, two) = (account(&admin).await.0, account(&admin).await.0);
    give(&admin, &one.name, &tree.inside[0], &["members.list"]).await;
    give(&admin, &one.name, &tree.inside[1], &["roles.list"]).await;
    give(&admin, &two.name, &tree.inside[1], &["roles.list"]).await;
    let reader = key(&admin, &tree.inside[0], &["apiKeys.list"]).await;
    let listed = list(&reader.caller, of(&tree.inside[0])).await.unwrap().service_accounts;
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].name, listed[0].access.len()), (&one.name, 1));
    assert_eq!(listed[0].access[0].permissions, ["members.list"]);
    let names = |answer: ListServiceAccountsResponse| -> Vec<String> {
        answer.service_accounts.into_iter().map(|account| account.name).collect()
    };
    assert_eq!(names(list(&admin.caller, of(&tree.inside[1])).await.unwrap()), [one.name, two.name]);
    assert!(list(&admin.caller, of(&tree.root)).await.unwrap().service_accounts.is_empty());
}

#[tokio::test]
async fn platform_administrators_search_all() {
    let admin = admin().await;
    let word = format!("w{}", Uuid::new_v4().simple());
    let mut expected = Vec::new();
    for number in 0..3 {
        let account = ServiceAccount {
            display_name: format!("Importer {number}"),
            description: format!("Finds {word}."),
            ..ServiceAccount::default()
        };
        let request =
            CreateServiceAccountRequest { service_account: Some(account), request_id: request_id() };
        let made = admin.caller.community().create_service_account(request).await.unwrap().into_inner();
        expected.push(made.service_account.unwrap());
    }
    let search =
        ListServiceAccountsRequest { search: word.to_uppercase(), page_size: 2, ..Default::default() };
    let first = list(&admin.caller, search.clone()).await.unwrap();
    let page_token = first.next_page_token.clone();
    let second = list(&admin.caller, ListServiceAccountsRequest { page_token, ..search }).await.unwrap();
    assert_eq!([first.service_accounts, second.service_accounts].concat(), expected);
    assert_eq!(second.next_page_token, "");
}

#[tokio::test]
async fn refuses_whoever_may_not_see_them() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    for person in outsiders(&admin, &tree).await {
        denied(list(&person.caller, of(&tree.root)).await, "apiKeys.list", &tree.root);
    }
    let nowhere = no_community();
    denied(list(&admin.caller, of(&nowhere)).await, "apiKeys.list", &nowhere);
    let mira = Person::new("mira").await;
    denied(list(&mira.caller, of("")).await, "serviceAccounts.list", "serviceAccounts");
    let bad = ListServiceAccountsRequest { page_size: -1, ..Default::default() };
    refused_fields(list(&admin.caller, bad).await, &["page_size"]);
    let forged = ListServiceAccountsRequest { page_token: "abc".to_owned(), ..Default::default() };
    refused(list(&admin.caller, forged).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}
