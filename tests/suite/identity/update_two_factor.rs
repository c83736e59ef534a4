use prost_types::FieldMask;
use tonic::{Code, Status};
use usher_api::identity::{GetTwoFactorRequest, SecondFactor, TwoFactor, UpdateTwoFactorRequest};

use crate::support::passkeys::{Holder, delete};
use crate::support::people::{PASSWORD, Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::two_factor::Enrolled;

fn request(name: &str, preferred: SecondFactor) -> UpdateTwoFactorRequest {
    let two_factor =
        TwoFactor { name: name.to_owned(), preferred_factor: preferred.into(), ..TwoFactor::default() };
    UpdateTwoFactorRequest { two_factor: Some(two_factor), update_mask: None, request_id: request_id() }
}

async fn update(actor: &Person, request: UpdateTwoFactorRequest) -> Result<TwoFactor, Status> {
    let answer = actor.caller.identity().update_two_factor(request).await?;
    Ok(answer.into_inner().two_factor.expect("it comes"))
}

async fn shown(person: &Person) -> TwoFactor {
    let request = GetTwoFactorRequest { name: "users/me/twoFactor".to_owned() };
    let answer = person.caller.identity().get_two_factor(request).await.expect("everybody sees his own");
    answer.into_inner().two_factor.expect("it comes")
}

#[tokio::test]
async fn what_is_preferred_is_asked_for_first() {
    let mira = Enrolled::new("mira").await;
    let person = &mira.person;
    let passkey = Holder::from(person.clone()).await.passkey;
    assert_eq!(shown(person).await.preferred_factor(), SecondFactor::Unspecified);
    let prefer_app = request("users/me/twoFactor", SecondFactor::Totp);
    let after = update(person, prefer_app.clone()).await.unwrap();
    assert_eq!((after.preferred_factor(), &after), (SecondFactor::Totp, &shown(person).await));
    assert_eq!(update(person, prefer_app).await.unwrap(), after);
    let order = [SecondFactor::Totp, SecondFactor::Passkey, SecondFactor::BackupCode];
    assert_eq!(mira.challenge().await.factors().collect::<Vec<_>>(), order);
    update(person, request("users/me/twoFactor", SecondFactor::Passkey)).await.unwrap();
    let order = [SecondFactor::Passkey, SecondFactor::Totp, SecondFactor::BackupCode];
    assert_eq!(mira.challenge().await.factors().collect::<Vec<_>>(), order);
    // It goes with the passkey.
    delete(person, &passkey.name, PASSWORD).await.unwrap();
    Holder::from(person.clone()).await;
    assert_eq!(shown(person).await.preferred_factor(), SecondFactor::Unspecified);
}

#[tokio::test]
async fn no_preference_is_one_too() {
    let mira = Enrolled::new("mira").await.person;
    update(&mira, request("users/me/twoFactor", SecondFactor::Totp)).await.unwrap();
    let mask = Some(FieldMask { paths: vec!["preferred_factor".to_owned()] });
    let none = UpdateTwoFactorRequest {
        update_mask: mask,
        ..request("users/me/twoFactor", SecondFactor::Unspecified)
    };
    let after = update(&mira, none).await.unwrap();
    assert_eq!(after.preferred_factor(), SecondFactor::Unspecified);
}

#[tokio::test]
async fn what_the_person_does_not_have_cannot_be_preferred() {
    let mira = Enrolled::new("mira").await.person;
    let answer = update(&mira, request("users/me/twoFactor", SecondFactor::Passkey)).await;
    let metadata = refused(answer, Code::FailedPrecondition, "FACTOR_NOT_ENROLLED");
    assert_eq!(metadata["factor"], "PASSKEY");
    let wrong = UpdateTwoFactorRequest {
        update_mask: Some(FieldMask { paths: vec!["enforced".to_owned()] }),
        request_id: "x".to_owned(),
        ..request("users/me/twoFactor", SecondFactor::BackupCode)
    };
    let fields = ["two_factor.preferred_factor", "update_mask", "request_id"];
    refused_fields(update(&mira, wrong).await, &fields);
    refused_fields(update(&mira, request("users/me", SecondFactor::Totp)).await, &["two_factor.name"]);
}

#[tokio::test]
async fn a_stale_etag_is_refused() {
    let mira = Enrolled::new("mira").await.person;
    let with_etag = |etag: String| {
        let mut request = request("users/me/twoFactor", SecondFactor::Totp);
        request.two_factor.as_mut().unwrap().etag = etag;
        request
    };
    let etag = shown(&mira).await.etag;
    update(&mira, with_etag(etag.clone())).await.unwrap();
    refused(update(&mira, with_etag(etag)).await, Code::Aborted, "ETAG_MISMATCH");
}

#[tokio::test]
async fn everybody_chooses_for_himself() {
    let (mira, noor, admin) = (Enrolled::new("mira").await.person, Person::new("noor").await, admin().await);
    let name = format!("{}/twoFactor", mira.name);
    for actor in [&noor, &admin] {
        let answer = update(actor, request(&name, SecondFactor::Totp)).await;
        refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    }
}
