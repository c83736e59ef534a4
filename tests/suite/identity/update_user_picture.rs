use image::ImageFormat;
use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::{GetUserPictureRequest, GetUserPictureResponse, UpdateUserPictureRequest, User};

use super::get;
use crate::support::people::{Person, admin};
use crate::support::picture::picture as image_of;
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;

fn request(picture: &[u8]) -> UpdateUserPictureRequest {
    UpdateUserPictureRequest {
        name: "users/me".to_owned(),
        picture: picture.to_vec(),
        etag: String::new(),
        request_id: request_id(),
    }
}

async fn update(actor: &Person, request: UpdateUserPictureRequest) -> Result<User, Status> {
    Ok(actor.caller.identity().update_user_picture(request).await?.into_inner().user.expect("it comes"))
}

/// The picture of `name`, as `caller` sees it.
pub(super) async fn picture(caller: &Caller, name: &str) -> Result<GetUserPictureResponse, Status> {
    let request = GetUserPictureRequest { name: name.to_owned() };
    Ok(caller.identity().get_user_picture(request).await?.into_inner())
}

/// Gives the person a picture and returns it.
pub(super) async fn pose(person: &Person) -> Vec<u8> {
    let png = png();
    update(person, request(&png)).await.expect("the picture is good");
    png
}

fn png() -> Vec<u8> {
    image_of(ImageFormat::Png, 3)
}

#[tokio::test]
async fn a_picture_comes_is_replaced_and_goes() {
    let mira = Person::new("mira").await;
    let with = update(&mira, request(&png())).await.unwrap();
    assert!(!with.picture_id.is_empty());
    assert_eq!(get(&mira.caller, "users/me").await.unwrap(), with);
    let without = update(&mira, request(&[])).await.unwrap();
    assert_eq!(without.picture_id, "");
    let metadata = refused(picture(&mira.caller, "users/me").await, Code::NotFound, "PICTURE_NOT_FOUND");
    assert_eq!(metadata["user"], mira.name);
}

#[tokio::test]
async fn what_is_no_picture_is_refused() {
    let mira = Person::new("mira").await;
    let broken = &png()[..40];
    for (content, problem) in [
        (b"<svg/>".as_slice(), "UNKNOWN_FORMAT"),
        (broken, "BROKEN"),
        (&vec![0; 512 * 1_024 + 1], "TOO_LARGE"),
    ] {
        let metadata =
            refused(update(&mira, request(content)).await, Code::InvalidArgument, "PICTURE_INVALID");
        assert_eq!(metadata["problem"], problem);
    }
}

#[tokio::test]
async fn everybody_changes_his_own_only() {
    let (mira, admin) = (Person::new("mira").await, admin().await);
    let asked = UpdateUserPictureRequest { name: mira.name.clone(), ..request(&png()) };
    let metadata = refused(update(&admin, asked).await, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!((metadata["permission"].as_str(), &metadata["resource"]), ("users.update", &mira.name));
}

#[tokio::test]
async fn a_stale_etag_a_repeated_request_and_wrong_fields() {
    let mira = Person::new("mira").await;
    let etag = get(&mira.caller, "users/me").await.unwrap().etag;
    let asked = UpdateUserPictureRequest { etag, ..request(&png()) };
    let first = update(&mira, asked.clone()).await.unwrap();
    assert_eq!(update(&mira, asked.clone()).await.unwrap(), first);
    let stale = UpdateUserPictureRequest { request_id: request_id(), ..asked };
    refused(update(&mira, stale).await, Code::Aborted, "ETAG_MISMATCH");
    let wrong = UpdateUserPictureRequest { request_id: "1".to_owned(), ..request(&png()) };
    refused_fields(update(&mira, wrong).await, &["request_id"]);
}
