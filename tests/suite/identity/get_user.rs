use sandbox::Caller;
use tonic::Code;

use super::{get, nobodys_name};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};

#[tokio::test]
async fn people_see_themselves() {
    let mira = Person::new("mira").await;
    let by_alias = get(&mira.caller, "users/me").await.unwrap();
    assert_eq!((&by_alias.name, &by_alias.email), (&mira.name, &mira.email));
    assert_eq!(get(&mira.caller, &mira.name).await.unwrap(), by_alias);
}

#[tokio::test]
async fn platform_administrators_and_services_see_all() {
    let (admin, mira) = (admin().await, Person::new("mira").await);
    for caller in [&admin.caller, &Caller::nobody().service("alerts")] {
        assert_eq!(get(caller, &mira.name).await.unwrap().email, mira.email);
        let nobody = nobodys_name();
        let metadata = refused(get(caller, &nobody).await, Code::NotFound, "USER_NOT_FOUND");
        assert_eq!(metadata["user"], nobody);
    }
    assert!(get(&admin.caller, "users/me").await.unwrap().platform_admin);
}

#[tokio::test]
async fn strangers_do_not_learn_whether_an_account_exists() {
    let (mira, noor) = (Person::new("mira").await, Person::new("noor").await);
    for name in [noor.name, nobodys_name()] {
        let metadata = refused(get(&mira.caller, &name).await, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((metadata["permission"].as_str(), &metadata["resource"]), ("users.get", &name));
    }
    refused(get(&Caller::nobody(), &mira.name).await, Code::Unauthenticated, "TOKEN_MISSING");
}

#[tokio::test]
async fn a_service_that_acts_for_a_person_sees_what_the_person_sees() {
    let (mira, noor) = (Person::new("mira").await, Person::new("noor").await);
    let service = Caller::nobody().service("alerts").on_behalf_of(&mira.credentials.access_token);
    assert_eq!(get(&service, "users/me").await.unwrap().name, mira.name);
    refused(get(&service, &noor.name).await, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_service_alone_is_nobody_in_particular() {
    let answer = get(&Caller::nobody().service("alerts"), "users/me").await;
    refused(answer, Code::Unauthenticated, "TOKEN_MISSING");
}

#[tokio::test]
async fn refuses_what_is_not_a_name() {
    let service = Caller::nobody().service("alerts");
    for name in ["", "users/", "users/mira", "communities/me", "users/me/sessions/me"] {
        refused_fields(get(&service, name).await, &["name"]);
    }
}
