use tonic::{Code, Status};
use usher_api::identity::{ListUsersRequest, ListUsersResponse, User, UserState};
use uuid::Uuid;

use crate::support::address;
use crate::support::people::{Person, account, admin};
use crate::support::refusal::{refused, refused_fields};

async fn list(actor: &Person, request: ListUsersRequest) -> Result<ListUsersResponse, Status> {
    Ok(actor.caller.identity().list_users(request).await?.into_inner())
}

/// A word that is in no other test's names.
fn word() -> String {
    Uuid::new_v4().simple().to_string()
}

fn names(users: &[User]) -> Vec<&str> {
    users.iter().map(|user| user.full_name.as_str()).collect()
}

#[tokio::test]
async fn finds_people_by_name_and_address_whatever_the_spelling() {
    let (admin, word) = (admin().await, word());
    let (one, two) = (address("one"), address("two"));
    account(&one, &format!("Zoë {word}")).await;
    account(&two, "Mira").await;
    let searches = [
        (format!("zoe\u{308} {}", word.to_uppercase()), &one),
        (word.clone(), &one),
        (two.to_uppercase(), &two),
    ];
    for (search, email) in searches {
        let found = list(&admin, ListUsersRequest { search, ..ListUsersRequest::default() }).await.unwrap();
        let emails: Vec<&String> = found.users.iter().map(|user| &user.email).collect();
        assert_eq!(emails, [email]);
    }
    for search in ["%", "_", "\\"] {
        let search = format!("{word}{search}");
        let found = list(&admin, ListUsersRequest { search, ..ListUsersRequest::default() }).await.unwrap();
        assert!(found.users.is_empty());
    }
}

#[tokio::test]
async fn orders_and_pages_leave_nobody_out() {
    let (admin, word) = (admin().await, word());
    for name in ["Berta", "anton", "Ämilie", "Berta"] {
        account(&address("x"), &format!("{name} {word}")).await;
    }
    for (order, expected) in [
        ("full_name", ["anton", "Berta", "Berta", "Ämilie"]),
        ("full_name desc", ["Ämilie", "Berta", "Berta", "anton"]),
        ("create_time", ["Berta", "anton", "Ämilie", "Berta"]),
        ("", ["Berta", "anton", "Ämilie", "Berta"]),
    ] {
        let mut request = ListUsersRequest {
            search: word.clone(),
            order_by: order.to_owned(),
            page_size: 1,
            ..ListUsersRequest::default()
        };
        let mut found = Vec::new();
        loop {
            let page = list(&admin, request.clone()).await.unwrap();
            assert!(page.users.len() <= 1);
            found.extend(page.users);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        let expected: Vec<String> = expected.iter().map(|name| format!("{name} {word}")).collect();
        assert_eq!(names(&found), expected, "{order}");
    }
    let by_email = ListUsersRequest {
        search: word.clone(),
        order_by: "email".to_owned(),
        ..ListUsersRequest::default()
    };
    let found = list(&admin, by_email).await.unwrap().users;
    assert!(found.is_sorted_by_key(|user| user.email.to_lowercase()) && found.len() == 4);
    let active = ListUsersRequest {
        search: word,
        states: vec![UserState::Active.into()],
        ..ListUsersRequest::default()
    };
    assert_eq!(list(&admin, active).await.unwrap().users.len(), 4);
}

#[tokio::test]
async fn only_platform_administrators_list_accounts() {
    let mira = Person::new("mira").await;
    let answer = list(&mira, ListUsersRequest::default()).await;
    refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let request = ListUsersRequest {
        states: vec![1, 99],
        search: "x".repeat(101),
        order_by: "password".to_owned(),
        page_size: -1,
        page_token: String::new(),
    };
    refused_fields(list(&admin().await, request).await, &["states[1]", "search", "order_by", "page_size"]);
    let request = ListUsersRequest { page_token: "x".to_owned(), ..ListUsersRequest::default() };
    refused(list(&admin().await, request).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}
