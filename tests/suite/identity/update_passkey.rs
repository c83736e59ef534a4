use prost_types::FieldMask;
use tonic::{Code, Status};
use usher_api::identity::{Passkey, UpdatePasskeyRequest};
use uuid::Uuid;

use crate::support::passkeys::Holder;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;

fn request(name: &str, display_name: &str) -> UpdatePasskeyRequest {
    let passkey =
        Passkey { name: name.to_owned(), display_name: display_name.to_owned(), ..Passkey::default() };
    UpdatePasskeyRequest { passkey: Some(passkey), update_mask: None, request_id: request_id() }
}

async fn update(actor: &Person, request: UpdatePasskeyRequest) -> Result<Passkey, Status> {
    let answer = actor.caller.identity().update_passkey(request).await?;
    Ok(answer.into_inner().passkey.expect("it comes"))
}

#[tokio::test]
async fn gives_it_another_name() {
    let mira = Holder::new("mira").await;
    let id = mira.passkey.name.rsplit('/').next().unwrap();
    let named = request(&format!("users/me/passkeys/{id}"), " Phone ");
    let after = update(&mira.person, named.clone()).await.unwrap();
    assert_eq!((after.name.as_str(), after.display_name.as_str()), (mira.passkey.name.as_str(), "Phone"));
    assert_ne!(after.etag, mira.passkey.etag);
    assert_eq!(update(&mira.person, named.clone()).await.unwrap(), after);
    let other = UpdatePasskeyRequest { request_id: named.request_id, ..request(&after.name, "Watch") };
    refused(update(&mira.person, other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_stale_etag_is_refused() {
    let mira = Holder::new("mira").await;
    let with_etag = |etag: &str| {
        let mut request = request(&mira.passkey.name, "Phone");
        request.passkey.as_mut().unwrap().etag = etag.to_owned();
        request
    };
    refused(update(&mira.person, with_etag("7")).await, Code::Aborted, "ETAG_MISMATCH");
    update(&mira.person, with_etag(&mira.passkey.etag)).await.unwrap();
}

#[tokio::test]
async fn wrong_fields_are_told_together() {
    let mira = Holder::new("mira").await;
    let mask = |path: &str| Some(FieldMask { paths: vec![path.to_owned()] });
    let wrong = UpdatePasskeyRequest {
        update_mask: mask("last_use_time"),
        request_id: "x".to_owned(),
        ..request("users/me/passkeys/x", "Phone")
    };
    refused_fields(update(&mira.person, wrong).await, &["passkey.name", "update_mask", "request_id"]);
    for name in ["", "a\u{7}", &"x".repeat(101)] {
        let wrong =
            UpdatePasskeyRequest { update_mask: mask("display_name"), ..request(&mira.passkey.name, name) };
        refused_fields(update(&mira.person, wrong).await, &["passkey.display_name"]);
    }
}

#[tokio::test]
async fn everybody_names_his_own() {
    let (mira, noor, admin) = (Holder::new("mira").await, Holder::new("noor").await, admin().await);
    for actor in [&noor.person, &admin] {
        let answer = update(actor, request(&mira.passkey.name, "Phone")).await;
        refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    }
    let id = mira.passkey.name.rsplit('/').next().unwrap();
    for id in [id, &Uuid::new_v4().to_string()] {
        let name = format!("{}/passkeys/{id}", noor.person.name);
        let metadata =
            refused(update(&noor.person, request(&name, "Phone")).await, Code::NotFound, "PASSKEY_NOT_FOUND");
        assert_eq!(metadata["passkey"], name);
    }
}
