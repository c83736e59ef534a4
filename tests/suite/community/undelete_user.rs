use sandbox::{Caller, until};
use tonic::{Code, Status};
use usher_api::community::{AccountState, UndeleteUserRequest};
use usher_api::identity::AuthenticateRequest;

use super::somebody;
use crate::support::acts::{deactivate_user, delete_user};
use crate::support::people::{PASSWORD, Person, admin};
use crate::support::refusal::refused;
use crate::support::request_id;
use crate::support::rows::let_the_account_end;
use crate::support::tree::{allowed, managed, member};

fn request(user: &str) -> UndeleteUserRequest {
    UndeleteUserRequest { user: user.to_owned(), request_id: request_id() }
}

async fn undelete(caller: &Caller, request: UndeleteUserRequest) -> Result<AccountState, Status> {
    Ok(caller.community().undelete_user(request).await?.into_inner().state())
}

#[tokio::test]
async fn the_account_is_as_it_was() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mira = member(&admin, &place, &place, &["guest"]).await;
    delete_user(&admin, &mira.name).await;
    let request = request(&mira.name);
    for _ in 0..2 {
        assert_eq!(undelete(&admin.caller, request.clone()).await.unwrap(), AccountState::Active);
    }
    assert!(allowed(&mira, &place, "communities.get").await);
    until("he signs in", || async {
        let request = AuthenticateRequest {
            email: mira.email.clone(),
            password: PASSWORD.to_owned(),
            ..AuthenticateRequest::default()
        };
        Caller::nobody().identity().authenticate(request).await.ok()
    })
    .await;
}

#[tokio::test]
async fn only_what_is_deleted_and_not_destroyed_comes_back() {
    let (admin, mira, late) = (admin().await, Person::new("mira").await, Person::new("late").await);
    for user in [&mira.name, &late.name] {
        let answer = undelete(&admin.caller, request(user)).await;
        let metadata = refused(answer, Code::FailedPrecondition, "USER_NOT_DELETED");
        assert_eq!(&metadata["user"], user);
    }
    deactivate_user(&admin, &mira.name).await;
    let answer = undelete(&admin.caller, request(&mira.name)).await;
    refused(answer, Code::FailedPrecondition, "USER_NOT_DELETED");
    delete_user(&admin, &late.name).await;
    let_the_account_end(&late.name).await;
    let status = undelete(&admin.caller, request(&late.name)).await.unwrap_err();
    assert!([Code::FailedPrecondition, Code::NotFound].contains(&status.code()), "{status:?}");
    refused(undelete(&admin.caller, request(&somebody())).await, Code::NotFound, "USER_NOT_FOUND");
    refused(undelete(&mira.caller, request(&mira.name)).await, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}
