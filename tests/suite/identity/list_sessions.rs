use sandbox::Caller;
use tonic::{Code, Request, Status};
use usher_api::identity::{AuthenticateRequest, Credentials, ListSessionsRequest, Session};
use usher_runtime::caller::SOURCE_ADDRESS;

use super::{refresh, session_name};
use crate::support::people::{PASSWORD, Person, admin};
use crate::support::refusal::{refused, refused_fields};

async fn list(caller: &Caller, parent: &str) -> Result<Vec<Session>, Status> {
    let request = ListSessionsRequest { parent: parent.to_owned(), ..ListSessionsRequest::default() };
    Ok(caller.identity().list_sessions(request).await?.into_inner().sessions)
}

/// Signs in with `device` through `caller`, who says that the person is at `address`.
async fn sign_in(caller: &Caller, email: &str, device: &str, address: &str) -> Result<Credentials, Status> {
    let mut request = Request::new(AuthenticateRequest {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        device: device.to_owned(),
    });
    request.metadata_mut().insert(SOURCE_ADDRESS, address.parse().expect("an address is ASCII"));
    Ok(caller.identity().authenticate(request).await?.into_inner().credentials.expect("they come"))
}

#[tokio::test]
async fn tells_where_the_person_is_signed_in() {
    let mira = Person::new("mira").await;
    let page = Caller::nobody().service("alerts");
    let other = sign_in(&page, &mira.email, " Firefox on Linux ", "203.0.113.7").await.unwrap();
    let sessions = list(&mira.caller, "users/me").await.unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0].name, session_name(&other));
    assert_eq!(
        (sessions[0].device.as_str(), sessions[0].address.as_str()),
        ("Firefox on Linux", "203.0.113.7")
    );
    assert_eq!((sessions[0].current, sessions[1].current), (false, true));
    assert_eq!(sessions[1].name, session_name(&mira.credentials));
    // Whoever calls himself cannot say where he is.
    assert_ne!(sessions[1].address, "203.0.113.7");
    let mine = sign_in(&Caller::nobody(), &mira.email, "", "203.0.113.8").await.unwrap();
    let sessions = list(&mira.caller, &mira.name).await.unwrap();
    assert_eq!(sessions[0].name, session_name(&mine));
    assert_ne!(sessions[0].address, "203.0.113.8");
}

#[tokio::test]
async fn a_refresh_is_a_use() {
    let mira = Person::new("mira").await;
    let before = list(&mira.caller, "users/me").await.unwrap().remove(0);
    assert_eq!(before.last_use_time, before.create_time);
    refresh(&mira.credentials.refresh_token).await.unwrap();
    let after = list(&mira.caller, "users/me").await.unwrap().remove(0);
    let micros = |session: &Session| {
        let time = session.last_use_time.expect("there is one");
        (time.seconds, time.nanos)
    };
    assert!(micros(&after) > micros(&before));
    assert_eq!((after.name, after.create_time), (before.name, before.create_time));
}

#[tokio::test]
async fn pages_hold_each_once_newest_first() {
    let mira = Person::new("mira").await;
    for _ in 0..4 {
        Person::signed_in(&Caller::nobody(), &mira.email, PASSWORD).await;
    }
    let all = list(&mira.caller, "users/me").await.unwrap();
    assert_eq!(all.len(), 5);
    let mut request =
        ListSessionsRequest { parent: "users/me".to_owned(), page_size: 2, page_token: String::new() };
    let mut paged = Vec::new();
    loop {
        let page = mira.caller.identity().list_sessions(request.clone()).await.unwrap().into_inner();
        paged.extend(page.sessions);
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
    assert_eq!((metadata["permission"].as_str(), &metadata["resource"]), ("sessions.list", &mira.name));
}

#[tokio::test]
async fn wrong_fields_are_refused() {
    let mira = Person::new("mira").await;
    refused_fields(list(&mira.caller, "mira").await, &["parent"]);
    let request =
        ListSessionsRequest { parent: "users/me".to_owned(), page_size: -1, page_token: String::new() };
    refused_fields(mira.caller.identity().list_sessions(request).await, &["page_size"]);
    let long = sign_in(&Caller::nobody(), &mira.email, &"x".repeat(201), "203.0.113.7").await;
    refused_fields(long, &["device"]);
}
