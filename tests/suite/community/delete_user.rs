use sandbox::{Caller, until};
use tonic::{Code, Status};
use usher_api::community::{
    AccountState, DeleteUserRequest, DeleteUserResponse, GetMemberRequest, ListMembersRequest,
};
use usher_api::identity::GetUserRequest;

use super::somebody;
use crate::support::acts::{deactivate_user, delete_user, member_name};
use crate::support::people::{PASSWORD, Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::rows::let_the_account_end;
use crate::support::tree::{allowed, managed, member};

fn own(password: &str) -> DeleteUserRequest {
    DeleteUserRequest {
        user: "users/me".to_owned(),
        current_password: password.to_owned(),
        request_id: request_id(),
    }
}

fn of(user: &str) -> DeleteUserRequest {
    DeleteUserRequest { user: user.to_owned(), ..own("") }
}

async fn delete(caller: &Caller, request: DeleteUserRequest) -> Result<DeleteUserResponse, Status> {
    Ok(caller.community().delete_user(request).await?.into_inner())
}

#[tokio::test]
async fn people_delete_their_own_account_with_their_password() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mira = member(&admin, &place, &place, &["guest"]).await;
    let wrong = delete(&mira.caller, own("not the password")).await;
    refused(wrong, Code::PermissionDenied, "CURRENT_PASSWORD_INVALID");
    refused_fields(delete(&mira.caller, own("")).await, &["current_password"]);
    assert!(allowed(&mira, &place, "communities.get").await);

    let request = own(PASSWORD);
    let answer = delete(&mira.caller, request.clone()).await.unwrap();
    assert_eq!(answer.state(), AccountState::Deleted);
    assert!(answer.purge_time.is_some());
    assert!(!allowed(&mira, &place, "communities.get").await);
    assert_eq!(delete(&mira.caller, request).await.unwrap(), answer);
}

#[tokio::test]
async fn administrators_of_the_platform_delete_any_but_themselves() {
    let (admin, mira, noor) = (admin().await, Person::new("mira").await, Person::new("noor").await);
    let with_password = DeleteUserRequest { user: mira.name.clone(), ..own(PASSWORD) };
    refused_fields(delete(&admin.caller, with_password).await, &["current_password"]);
    refused(delete(&noor.caller, of(&mira.name)).await, Code::PermissionDenied, "PERMISSION_DENIED");
    refused(delete(&noor.caller, of(&somebody())).await, Code::PermissionDenied, "PERMISSION_DENIED");
    refused(delete(&Caller::nobody(), of(&mira.name)).await, Code::Unauthenticated, "TOKEN_MISSING");
    refused(delete(&admin.caller, of(&somebody())).await, Code::NotFound, "USER_NOT_FOUND");
    let answer = delete(&admin.caller, own("whatever it may be")).await;
    refused(answer, Code::FailedPrecondition, "PLATFORM_ADMINISTRATOR");

    deactivate_user(&admin, &mira.name).await;
    delete(&admin.caller, of(&mira.name)).await.expect("a deactivated account can be deleted");
    let metadata =
        refused(delete(&admin.caller, of(&mira.name)).await, Code::FailedPrecondition, "USER_DELETED");
    assert_eq!(metadata["user"], mira.name);
}

#[tokio::test]
async fn a_community_keeps_its_last_administrator() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mira = member(&admin, &place, &place, &["admin"]).await;
    super::leave(&admin, &place).await;
    let answer = delete(&mira.caller, own(PASSWORD)).await;
    let metadata = refused(answer, Code::FailedPrecondition, "LAST_ADMINISTRATOR");
    assert_eq!(metadata["community"], place);
}

#[tokio::test]
async fn at_its_end_nothing_tells_who_it_was() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mira = member(&admin, &place, &place, &["guest"]).await;
    delete_user(&admin, &mira.name).await;
    let_the_account_end(&mira.name).await;
    until("the account is gone", || async {
        let request = GetUserRequest { name: mira.name.clone() };
        admin.caller.identity().get_user(request).await.err().filter(|status| status.code() == Code::NotFound)
    })
    .await;
    until("the membership is gone", || async {
        let request = GetMemberRequest { name: member_name(&place, &mira.name) };
        admin
            .caller
            .community()
            .get_member(request)
            .await
            .err()
            .filter(|status| status.code() == Code::NotFound)
    })
    .await;
    let members = ListMembersRequest { parent: place, ..ListMembersRequest::default() };
    let members = admin.caller.community().list_members(members).await.unwrap().into_inner().members;
    assert!(members.iter().all(|member| member.user != mira.name));
    // The address is free.
    Person::with_email(&Caller::nobody(), &mira.email).await;
}
