use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::{AuthenticateRequest, ListSignInsRequest, SignIn, SignInOutcome};

use crate::support::people::{PASSWORD, Person, admin};
use crate::support::refusal::{refused, refused_fields};

async fn list(caller: &Caller, parent: &str) -> Result<Vec<SignIn>, Status> {
    let request = ListSignInsRequest { parent: parent.to_owned(), ..ListSignInsRequest::default() };
    Ok(caller.identity().list_sign_ins(request).await?.into_inner().sign_ins)
}

async fn try_with(email: &str, password: &str, device: &str) {
    let request = AuthenticateRequest {
        email: email.to_owned(),
        password: password.to_owned(),
        device: device.to_owned(),
    };
    // What comes of it is what the list is to tell.
    let _ = Caller::nobody().identity().authenticate(request).await;
}

#[tokio::test]
async fn tells_what_came_of_each_attempt_newest_first() {
    use SignInOutcome::{Failed, Locked, Succeeded};

    let mira = Person::new("mira").await;
    try_with(&mira.email, "not the password", "Phone").await;
    try_with(&mira.email, PASSWORD, "Laptop").await;
    for _ in 0..6 {
        try_with(&mira.email, "not the password", "Phone").await;
    }
    let told = list(&mira.caller, "users/me").await.unwrap();
    let told: Vec<(SignInOutcome, &str)> =
        told.iter().map(|sign_in| (sign_in.outcome(), sign_in.device.as_str())).collect();
    // While the account is locked nothing is tried.
    let expected = [
        (Locked, "Phone"),
        (Failed, "Phone"),
        (Failed, "Phone"),
        (Failed, "Phone"),
        (Failed, "Phone"),
        (Succeeded, "Laptop"),
        (Failed, "Phone"),
        (Succeeded, ""),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn pages_hold_each_once() {
    let mira = Person::new("mira").await;
    for _ in 0..4 {
        try_with(&mira.email, PASSWORD, "").await;
    }
    let all = list(&mira.caller, "users/me").await.unwrap();
    assert_eq!(all.len(), 5);
    let mut request =
        ListSignInsRequest { parent: "users/me".to_owned(), page_size: 2, page_token: String::new() };
    let mut paged = Vec::new();
    loop {
        let page = mira.caller.identity().list_sign_ins(request.clone()).await.unwrap().into_inner();
        paged.extend(page.sign_ins);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(paged, all);
}

#[tokio::test]
async fn people_see_their_own_and_administrators_all() {
    let (mira, other, admin) = (Person::new("mira").await, Person::new("other").await, admin().await);
    assert_eq!(list(&admin.caller, &mira.name).await.unwrap().len(), 1);
    let metadata =
        refused(list(&other.caller, &mira.name).await, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!((metadata["permission"].as_str(), &metadata["resource"]), ("signIns.list", &mira.name));
    refused_fields(list(&mira.caller, "mira").await, &["parent"]);
    let request =
        ListSignInsRequest { parent: "users/me".to_owned(), page_size: -1, page_token: String::new() };
    refused_fields(mira.caller.identity().list_sign_ins(request).await, &["page_size"]);
}
