use sandbox::Caller;
use tonic::Code;

use super::get;
use super::update_user_picture::{picture, pose};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};

#[tokio::test]
async fn returns_what_was_given_to_those_who_see_the_account() {
    let (mira, admin, other) = (Person::new("mira").await, admin().await, Person::new("other").await);
    let given = pose(&mira).await;
    let id = get(&mira.caller, "users/me").await.unwrap().picture_id;
    let service = Caller::nobody().service("alerts");
    for caller in [&mira.caller, &admin.caller, &service] {
        let answer = picture(caller, &mira.name).await.unwrap();
        assert_eq!(
            (answer.media_type.as_str(), &answer.picture, &answer.picture_id),
            ("image/png", &given, &id)
        );
    }
    refused(picture(&other.caller, &mira.name).await, Code::PermissionDenied, "PERMISSION_DENIED");
    refused(picture(&other.caller, "users/me").await, Code::NotFound, "PICTURE_NOT_FOUND");
    refused_fields(picture(&other.caller, "me").await, &["name"]);
}
