use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::complete_authentication_request::Proof;
use usher_api::identity::{ResetTwoFactorRequest, ResetTwoFactorResponse, SecondFactor};

use super::{change_row, id, nobodys_name, refresh};
use crate::support::mail::about;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::two_factor::{App, Enrolled, challenge, complete, confirm, enrol_by, start};

async fn reset(caller: &Caller, name: &str) -> Result<ResetTwoFactorResponse, Status> {
    let request = ResetTwoFactorRequest { name: name.to_owned() };
    caller.identity().reset_two_factor(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn the_recovery_code_leads_to_a_new_app_and_nothing_else_leads_in() {
    let (admin, mira) = (admin().await, Enrolled::new("mira").await);
    let (email, before) = (mira.person.email.as_str(), mira.challenge().await);
    let code = reset(&admin.caller, &mira.person.name).await.unwrap().recovery_code;
    about(email, "reset the second step").await;
    refused(
        refresh(&mira.person.credentials.refresh_token).await,
        Code::Unauthenticated,
        "REFRESH_TOKEN_INVALID",
    );
    let answer = complete(&before.token, Proof::TotpCode(mira.app.code(0))).await;
    refused(answer, Code::Unauthenticated, "CHALLENGE_INVALID");

    let asked = challenge(email).await;
    assert_eq!(asked.factors().collect::<Vec<_>>(), [SecondFactor::RecoveryCode]);
    for old in [Proof::TotpCode(mira.app.code(0)), Proof::BackupCode(mira.backup_codes[0].clone())] {
        refused(complete(&asked.token, old).await, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
    }
    let next = complete(&asked.token, Proof::RecoveryCode(code.clone())).await.unwrap();
    assert_eq!(next.credentials, None);
    let next = next.challenge.unwrap();
    assert!(next.enrollment_required && next.factors.is_empty());
    let (_, enrolled) = enrol_by(&next).await;
    assert_eq!(enrolled.credentials.unwrap().user, mira.person.name);
    assert_eq!(enrolled.backup_codes.len(), 10);
    let again = complete(&challenge(email).await.token, Proof::RecoveryCode(code)).await;
    refused(again, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
}

#[tokio::test]
async fn a_code_serves_for_a_day_and_until_the_next_one() {
    let (admin, mira) = (admin().await, Enrolled::new("mira").await);
    let user = mira.person.name.as_str();
    let first = reset(&admin.caller, user).await.unwrap();
    let second = reset(&admin.caller, user).await.unwrap();
    let spend = async |code: &str| {
        complete(&mira.challenge().await.token, Proof::RecoveryCode(code.to_owned())).await
    };
    refused(spend(&first.recovery_code).await, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
    let time = "UPDATE recovery_code SET expire_time = expire_time - 86400000000 WHERE account_id = $1";
    change_row(time, [id(user).into()]).await;
    refused(spend(&second.recovery_code).await, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
    let third = reset(&admin.caller, user).await.unwrap();
    spend(&third.recovery_code).await.unwrap();
}

#[tokio::test]
async fn who_breaks_off_needs_the_code_again_and_no_other() {
    let (admin, mira) = (admin().await, Enrolled::new("mira").await);
    let code = reset(&admin.caller, &mira.person.name).await.unwrap().recovery_code;
    for _ in 0..2 {
        let asked = mira.challenge().await;
        assert_eq!(asked.factors().collect::<Vec<_>>(), [SecondFactor::RecoveryCode]);
        let next = complete(&asked.token, Proof::RecoveryCode(code.clone())).await.unwrap();
        assert!(next.challenge.unwrap().enrollment_required);
    }
}

#[tokio::test]
async fn a_token_of_a_session_that_was_ended_is_no_way_around_the_code() {
    let (admin, mira) = (admin().await, Enrolled::new("mira").await);
    let begun = start(&mira.person).await.unwrap();
    reset(&admin.caller, &mira.person.name).await.unwrap();
    let app = App::reading(&begun.provisioning_uri);
    let answer = confirm(&mira.person, &app.code(0)).await;
    refused(answer, Code::FailedPrecondition, "SECOND_FACTOR_REQUIRED");
    let app = App::reading(&start(&mira.person).await.unwrap().provisioning_uri);
    let answer = confirm(&mira.person, &app.code(0)).await;
    refused(answer, Code::FailedPrecondition, "SECOND_FACTOR_REQUIRED");
}

#[tokio::test]
async fn platform_administrators_may_and_there_must_be_something_to_reset() {
    let (admin, mira) = (admin().await, Person::new("mira").await);
    let metadata =
        refused(reset(&admin.caller, &mira.name).await, Code::FailedPrecondition, "TWO_FACTOR_NOT_ENABLED");
    assert_eq!(metadata["user"], mira.name);
    refused(reset(&admin.caller, &nobodys_name()).await, Code::NotFound, "USER_NOT_FOUND");
    refused_fields(reset(&admin.caller, "mira").await, &["name"]);
    refused(reset(&mira.caller, &mira.name).await, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}
