use tonic::{Code, Status};
use usher_api::identity::RegenerateBackupCodesRequest;
use usher_api::identity::complete_authentication_request::Proof;

use crate::support::people::{PASSWORD, Person};
use crate::support::refusal::{refused, refused_fields};
use crate::support::two_factor::{Enrolled, complete};

async fn renew(actor: &Person, name: &str, password: &str) -> Result<Vec<String>, Status> {
    let request =
        RegenerateBackupCodesRequest { name: name.to_owned(), current_password: password.to_owned() };
    Ok(actor.caller.identity().regenerate_backup_codes(request).await?.into_inner().backup_codes)
}

#[tokio::test]
async fn new_ones_take_the_place_of_those_before() {
    let mira = Enrolled::new("mira").await;
    let renewed = renew(&mira.person, "users/me", PASSWORD).await.unwrap();
    assert_eq!(renewed.len(), 10);
    let challenge = mira.challenge().await;
    let old = complete(&challenge.token, Proof::BackupCode(mira.backup_codes[0].clone())).await;
    refused(old, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
    complete(&challenge.token, Proof::BackupCode(renewed[9].clone())).await.unwrap();
}

#[tokio::test]
async fn the_person_and_the_password_and_a_second_factor_are_needed() {
    let (mira, noor) = (Enrolled::new("mira").await, Person::new("noor").await);
    refused(renew(&noor, &mira.person.name, PASSWORD).await, Code::PermissionDenied, "PERMISSION_DENIED");
    let wrong = renew(&mira.person, "users/me", "not the password").await;
    refused(wrong, Code::PermissionDenied, "CURRENT_PASSWORD_INVALID");
    refused_fields(renew(&mira.person, "users/me", "").await, &["current_password"]);
    let none = renew(&noor, "users/me", PASSWORD).await;
    let metadata = refused(none, Code::FailedPrecondition, "TWO_FACTOR_NOT_ENABLED");
    assert_eq!(metadata["user"], noor.name);
}
