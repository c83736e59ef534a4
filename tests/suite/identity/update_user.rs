use prost_reflect::DescriptorPool;
use prost_types::FieldMask;
use tonic::{Code, Status};
use usher_api::identity::{DateFormat, UpdateUserRequest, User};

use super::get;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;

fn request(user: User, mask: &[&str]) -> UpdateUserRequest {
    let paths = mask.iter().map(|path| (*path).to_owned()).collect();
    UpdateUserRequest { user: Some(user), update_mask: Some(FieldMask { paths }), request_id: request_id() }
}

fn me() -> User {
    User { name: "users/me".to_owned(), ..User::default() }
}

async fn update(actor: &Person, request: UpdateUserRequest) -> Result<User, Status> {
    Ok(actor.caller.identity().update_user(request).await?.into_inner().user.expect("it comes"))
}

#[tokio::test]
async fn changes_what_is_named_and_nothing_else() {
    let mira = Person::new("mira").await;
    let before = get(&mira.caller, "users/me").await.unwrap();
    let wanted = User {
        full_name: " Mira O. ".to_owned(),
        locale: "PT_br".to_owned(),
        date_format: DateFormat::DayMonthYear.into(),
        ..me()
    };
    let after = update(&mira, request(wanted.clone(), &["full_name"])).await.unwrap();
    let expected = User {
        full_name: "Mira O.".to_owned(),
        etag: after.etag.clone(),
        update_time: after.update_time,
        ..before.clone()
    };
    assert_eq!(after, expected);
    assert_ne!(after.etag, before.etag);

    let after = update(&mira, request(User { name: mira.name.clone(), ..wanted }, &[])).await.unwrap();
    assert_eq!((after.locale.as_str(), after.date_format()), ("pt-BR", DateFormat::DayMonthYear));
    assert_eq!(get(&mira.caller, "users/me").await.unwrap(), after);
    let after = update(&mira, request(me(), &["locale", "date_format"])).await.unwrap();
    assert_eq!((after.locale.as_str(), after.date_format()), ("", DateFormat::Unspecified));
}

#[tokio::test]
async fn nothing_that_carries_authority_or_was_verified_is_changed() {
    let mira = Person::new("mira").await;
    let before = get(&mira.caller, "users/me").await.unwrap();
    let grabbing = User {
        email: "root@guest.test".to_owned(),
        email_verified: true,
        platform_admin: true,
        terms_version: "none".to_owned(),
        ..me()
    };
    let pool = DescriptorPool::decode(usher_api::DESCRIPTOR_SET).unwrap();
    let all = pool.get_message_by_name("usher.identity.v1.User").unwrap();
    let fields: Vec<String> = all.fields().map(|field| field.name().to_owned()).collect();
    let own = ["full_name", "locale", "date_format"];
    assert!(own.iter().all(|own| fields.iter().any(|field| field == own)));
    let others = fields.iter().map(String::as_str).filter(|field| !own.contains(field));
    for field in others.chain(["*", "user", "user.email", "password_hash", "email_canonical"]) {
        refused_fields(update(&mira, request(grabbing.clone(), &[field])).await, &["update_mask"]);
        // Nor beside one that can be changed.
        let both = update(&mira, request(grabbing.clone(), &["locale", field])).await;
        refused_fields(both, &["update_mask"]);
    }
    assert_eq!(get(&mira.caller, "users/me").await.unwrap(), before);
    // Without a mask, only what can be changed is looked at.
    let after = update(&mira, request(grabbing, &[])).await.unwrap();
    let expected = User { etag: after.etag.clone(), update_time: after.update_time, ..before };
    assert_eq!(after, expected);
}

#[tokio::test]
async fn everybody_changes_his_own_only() {
    let (mira, admin) = (Person::new("mira").await, admin().await);
    let user = User { name: mira.name.clone(), full_name: "Nobody".to_owned(), ..User::default() };
    let answer = update(&admin, request(user, &["full_name"])).await;
    let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!((metadata["permission"].as_str(), &metadata["resource"]), ("users.update", &mira.name));
}

#[tokio::test]
async fn a_stale_etag_is_refused() {
    let mira = Person::new("mira").await;
    let etag = get(&mira.caller, "users/me").await.unwrap().etag;
    let user = User { full_name: "Mira".to_owned(), etag, ..me() };
    update(&mira, request(user.clone(), &["full_name"])).await.unwrap();
    let metadata =
        refused(update(&mira, request(user, &["full_name"])).await, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(metadata["resource"], mira.name);
}

#[tokio::test]
async fn a_repeated_request_changes_once() {
    let mira = Person::new("mira").await;
    let asked = request(User { full_name: "Mira".to_owned(), ..me() }, &["full_name"]);
    let (one, two) = tokio::join!(update(&mira, asked.clone()), update(&mira, asked.clone()));
    assert_eq!(one.unwrap(), two.unwrap());
    let changed = UpdateUserRequest { request_id: asked.request_id, ..request(me(), &["locale"]) };
    refused(update(&mira, changed).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let mira = Person::new("mira").await;
    let wrong =
        User { full_name: "a\u{7}b".to_owned(), locale: "german".to_owned() + "!", date_format: 99, ..me() };
    let request = UpdateUserRequest {
        request_id: "1".to_owned(),
        ..request(wrong, &["full_name", "locale", "date_format"])
    };
    let fields = ["user.full_name", "user.locale", "user.date_format", "request_id"];
    refused_fields(update(&mira, request).await, &fields);
    refused_fields(update(&mira, UpdateUserRequest::default()).await, &["user.name"]);
}
