use sandbox::{Caller, until};
use tonic::{Code, Status};
use usher_api::community::{AccountState, CommunitySettings, ReactivateUserRequest};
use usher_api::identity::{GetUserRequest, UserState};

use super::{ask_of_members, somebody};
use crate::support::acts::{deactivate_user, delete_user, suspend_member};
use crate::support::people::{PASSWORD, Person, admin};
use crate::support::refusal::refused;
use crate::support::request_id;
use crate::support::tree::{allowed, grant, join, managed, member};

fn request(user: &str) -> ReactivateUserRequest {
    ReactivateUserRequest { user: user.to_owned(), request_id: request_id() }
}

async fn reactivate(caller: &Caller, request: ReactivateUserRequest) -> Result<AccountState, Status> {
    Ok(caller.community().reactivate_user(request).await?.into_inner().state())
}

#[tokio::test]
async fn everything_that_the_deactivation_took_comes_back_and_nothing_else() {
    let admin = admin().await;
    let (place, other) = (managed(&admin).await, managed(&admin).await);
    let mira = member(&admin, &place, &place, &["guest"]).await;
    join(&admin, &other, &mira, vec![grant(&other, &["guest"])]).await;
    suspend_member(&admin, &other, &mira.name).await;
    deactivate_user(&admin, &mira.name).await;
    assert_eq!(reactivate(&admin.caller, request(&mira.name)).await.unwrap(), AccountState::Active);
    assert!(allowed(&mira, &place, "communities.get").await);
    assert!(!allowed(&mira, &other, "communities.get").await, "somebody else suspended him there");
    until("the identity service knows", || async {
        let name = mira.name.clone();
        let user = admin.caller.identity().get_user(GetUserRequest { name }).await.ok()?.into_inner().user?;
        (user.state() == UserState::Active && user.etag != "1").then_some(())
    })
    .await;
    Person::signed_in(&Caller::nobody(), &mira.email, PASSWORD).await;
}

#[tokio::test]
async fn a_seat_that_was_taken_meanwhile_is_not_given_twice() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mira = member(&admin, &place, &place, &["guest"]).await;
    deactivate_user(&admin, &mira.name).await;
    member(&admin, &place, &place, &["guest"]).await;
    let two = CommunitySettings { seat_limit: 2, ..CommunitySettings::default() };
    ask_of_members(&admin, &place, two).await;
    reactivate(&admin.caller, request(&mira.name)).await.unwrap();
    assert!(!allowed(&mira, &place, "communities.get").await);
}

#[tokio::test]
async fn only_what_is_deactivated_is_reactivated() {
    let (admin, mira) = (admin().await, Person::new("mira").await);
    let answer = reactivate(&admin.caller, request(&mira.name)).await;
    let metadata = refused(answer, Code::FailedPrecondition, "USER_NOT_DEACTIVATED");
    assert_eq!(metadata["user"], mira.name);
    delete_user(&admin, &mira.name).await;
    let answer = reactivate(&admin.caller, request(&mira.name)).await;
    refused(answer, Code::FailedPrecondition, "USER_NOT_DEACTIVATED");
    refused(reactivate(&admin.caller, request(&somebody())).await, Code::NotFound, "USER_NOT_FOUND");
    refused(
        reactivate(&mira.caller, request(&mira.name)).await,
        Code::PermissionDenied,
        "CALLER_NOT_ALLOWED",
    );
}

#[tokio::test]
async fn a_repeated_request_changes_once() {
    let (admin, mira) = (admin().await, Person::new("mira").await);
    deactivate_user(&admin, &mira.name).await;
    let request = request(&mira.name);
    for _ in 0..2 {
        assert_eq!(reactivate(&admin.caller, request.clone()).await.unwrap(), AccountState::Active);
    }
}
