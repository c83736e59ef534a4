use futures::future::join_all;
use sandbox::until;
use tonic::Code;
use usher_api::community::{
    ApiKey, ApiKeyState, CreateApiKeyRequest, GetApiKeyRequest, Inheritance, ListPermissionsRequest,
    PermissionCategory,
};
use usher_api::identity::VerifyApiKeyRequest;

use super::{alone, holder, may, no_community, permission};
use crate::support::acts::{delete_community, remove_member, suspend_community};
use crate::support::keys::{account, key, key_request, living, make_key, named, revoke_key};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{grant, managed, mssp};

#[tokio::test]
async fn makes_a_key_out_of_permissions_and_shows_its_secret_once() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let close = permission(PermissionCategory::Manage).await;
    let asked = ["members.list", "COMMUNITY_LIST_MEMBER", &close];
    let mut request = living(3_600, key_request(&place, &asked));
    request.api_key.as_mut().unwrap().description = " For the night shift. ".to_owned();
    let made = make_key(&admin, request).await.unwrap();
    let mut expected = vec!["members.list", &close];
    expected.sort_unstable();
    assert_eq!(made.key.permissions, expected);
    assert_eq!((made.key.state(), made.key.inheritance()), (ApiKeyState::Active, Inheritance::Self_));
    assert_eq!((&*made.key.description, &made.key.creator), ("For the night shift.", &admin.name));
    let life = made.key.expire_time.unwrap().seconds - made.key.create_time.unwrap().seconds;
    assert_eq!(life, 3_600);
    assert!(made.secret.starts_with("usher_ak_") && made.secret.len() <= 100, "{}", made.secret);

    assert!(may(&made.key.name, &place, &close).await);
    assert!(!may(&made.key.name, &place, "communities.get").await);
    let request = GetApiKeyRequest { name: made.key.name.clone() };
    let seen = admin.caller.community().get_api_key(request).await.unwrap().into_inner();
    assert!(!format!("{seen:?}").contains(&made.secret[9..]));
    assert_eq!(seen.api_key.unwrap(), made.key);
}

#[tokio::test]
async fn holds_only_what_its_maker_holds() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let maker = holder(&admin, &place, vec![grant(&place, &["manage_api_keys"])]).await;
    key(&maker, &place, &["members.list", "apiKeys.revoke"]).await;
    let answer =
        make_key(&maker, key_request(&place, &["members.list", "members.delete", "roles.create"])).await;
    let metadata = refused(answer.map(|key| key.key), Code::PermissionDenied, "API_KEY_EXCEEDS_AUTHORITY");
    assert_eq!((&metadata["community"], &*metadata["permissions"]), (&place, "members.delete,roles.create"));
    let assigner = holder(&admin, &place, vec![grant(&place, &["manage_api_keys", "manage_roles"])]).await;
    let work = permission(PermissionCategory::Manage).await;
    // Whoever may give any role that administers nothing may still not make a key of it.
    let answer = make_key(&assigner, key_request(&place, &[&work])).await;
    refused(answer.map(|key| key.key), Code::PermissionDenied, "API_KEY_EXCEEDS_AUTHORITY");
}

#[tokio::test]
async fn in_an_mssp_it_reaches_inside_as_a_role_does_if_its_maker_does() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let deep = key(&admin, &tree.root, &["members.list"]).await.key;
    let mut request = key_request(&tree.root, &["members.list"]);
    request.api_key.as_mut().unwrap().set_inheritance(Inheritance::Self_);
    let flat = make_key(&admin, request.clone()).await.unwrap().key;
    let inner = key(&admin, &tree.inside[0], &["members.list"]).await.key;
    let reached = async |name: &str| {
        let mut reached = Vec::new();
        for place in [&tree.root, &tree.inside[0], &tree.inside[1]] {
            reached.push(may(name, place, "members.list").await);
        }
        reached
    };
    assert_eq!(reached(&deep.name).await, [true, true, true]);
    assert_eq!(reached(&flat.name).await, [true, false, false]);
    assert_eq!(reached(&inner.name).await, [false, true, false]);

    let outer = holder(&admin, &tree.root, vec![alone(&tree.root, &["admin"])]).await;
    let answer = make_key(&outer, key_request(&tree.root, &["members.list"])).await;
    refused(answer.map(|key| key.key), Code::PermissionDenied, "API_KEY_EXCEEDS_AUTHORITY");
    request.request_id = request_id();
    make_key(&outer, request).await.unwrap();
    let mut deeper = key_request(&tree.inside[0], &["members.list"]);
    deeper.api_key.as_mut().unwrap().set_inheritance(Inheritance::SelfAndDescendants);
    refused_fields(make_key(&admin, deeper).await.map(|key| key.key), &["api_key.inheritance"]);
}

#[tokio::test]
async fn refuses_whoever_may_not_make_keys_there() {
    let admin = admin().await;
    let (tree, nowhere) = (mssp(&admin, 2).await, no_community());
    let inner = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["admin"])]).await;
    let manager = holder(&admin, &tree.root, vec![grant(&tree.root, &["manage_roles"])]).await;
    for (person, place) in [
        (&inner, &tree.root),
        (&inner, &tree.inside[1]),
        (&inner, &nowhere),
        (&manager, &tree.root),
        (&Person::new("stranger").await, &tree.inside[0]),
    ] {
        let answer = make_key(person, key_request(place, &["members.list"])).await;
        let metadata = refused(answer.map(|key| key.key), Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&*metadata["permission"], &metadata["resource"]), ("apiKeys.create", place));
    }
    let account = account(&admin).await.0.name;
    let answer = make_key(&inner, key_request(&account, &[])).await;
    let metadata = refused(answer.map(|key| key.key), Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(metadata["resource"], account);
}

#[tokio::test]
async fn a_key_makes_no_other() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let maker = key(&admin, &place, &["apiKeys.create", "apiKeys.list", "members.list"]).await;
    let answer = maker.caller.community().create_api_key(key_request(&place, &["members.list"])).await;
    refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}

#[tokio::test]
async fn it_goes_on_when_its_maker_leaves() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let maker = holder(&admin, &place, vec![grant(&place, &["admin"])]).await;
    let key = key(&maker, &place, &["members.list"]).await.key;
    remove_member(&admin, &place, &maker.name).await;
    assert!(!may(&maker.name, &place, "members.list").await);
    assert!(may(&key.name, &place, "members.list").await);
}

#[tokio::test]
async fn a_stopped_community_stops_it_at_once_and_gets_no_other() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (top, inner) = (
        key(&admin, &tree.root, &["members.list"]).await,
        key(&admin, &tree.inside[1], &["members.list"]).await,
    );
    suspend_community(&admin, &tree.inside[0]).await;
    assert!(!may(&top.key.name, &tree.inside[0], "members.list").await);
    let answer = make_key(&admin, key_request(&tree.inside[0], &["members.list"])).await;
    let metadata = refused(answer.map(|key| key.key), Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
    assert_eq!((&metadata["community"], &*metadata["state"]), (&tree.inside[0], "SUSPENDED"));
    delete_community(&admin, &tree.root).await;
    for (key, place) in [(&top, &tree.root), (&inner, &tree.inside[1])] {
        assert!(!may(&key.key.name, place, "members.list").await);
    }
}

#[tokio::test]
async fn it_is_refused_from_its_expiry_on() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let made = make_key(&admin, living(2, key_request(&place, &["apiKeys.list"]))).await.unwrap();
    let list = usher_api::community::ListApiKeysRequest { parent: place.clone(), ..Default::default() };
    until("the key expires", || async {
        let answer = made.caller.community().list_api_keys(list.clone()).await;
        let status = answer.err()?;
        (crate::support::refusal::reason(&status) == "TOKEN_EXPIRED").then_some(())
    })
    .await;
    assert!(!may(&made.key.name, &place, "apiKeys.list").await);
    let request = GetApiKeyRequest { name: made.key.name.clone() };
    let seen = admin.caller.community().get_api_key(request).await.unwrap().into_inner().api_key.unwrap();
    assert_eq!(seen.state(), ApiKeyState::Expired);
}

#[tokio::test]
async fn a_community_has_a_hundred_active_ones_at_most() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mut last = None;
    for _ in 0..10 {
        let made = join_all((0..10).map(|_| make_key(&admin, key_request(&place, &["members.list"])))).await;
        for key in made {
            last = Some(key.unwrap());
        }
    }
    let answer = make_key(&admin, key_request(&place, &["members.list"])).await;
    let metadata = refused(answer.map(|key| key.key), Code::FailedPrecondition, "API_KEY_LIMIT_REACHED");
    assert_eq!((&metadata["parent"], &*metadata["limit"]), (&place, "100"));
    revoke_key(&admin.caller, &last.unwrap().key.name).await.unwrap();
    key(&admin, &place, &["members.list"]).await;
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let bad = CreateApiKeyRequest {
        parent: place.clone(),
        api_key: Some(ApiKey {
            display_name: "a\u{7}b".to_owned(),
            description: "d".repeat(1_001),
            inheritance: 77,
            ..ApiKey::default()
        }),
        ttl: Some(prost_types::Duration { seconds: 366 * 86_400, nanos: 0 }),
        request_id: "42".to_owned(),
    };
    let fields = [
        "api_key.display_name",
        "api_key.description",
        "api_key.permissions",
        "api_key.inheritance",
        "ttl",
        "request_id",
    ];
    refused_fields(make_key(&admin, bad).await.map(|key| key.key), &fields);
    let empty = make_key(&admin, CreateApiKeyRequest::default()).await;
    refused_fields(empty.map(|key| key.key), &["parent", "api_key.display_name", "api_key.permissions"]);
    let unknown = make_key(&admin, key_request(&place, &["nothing.known"])).await;
    let metadata = refused(unknown.map(|key| key.key), Code::InvalidArgument, "UNKNOWN_PERMISSION");
    assert_eq!(metadata["permission"], "nothing.known");
    let account = account(&admin).await.0.name;
    let holding = make_key(&admin, key_request(&account, &["members.list"])).await;
    refused_fields(holding.map(|key| key.key), &["api_key.permissions"]);
}

#[tokio::test]
async fn a_repeated_request_makes_one_key_and_tells_the_secret_until_it_is_used() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let request = key_request(&place, &["members.list"]);
    let (one, other) = tokio::join!(make_key(&admin, request.clone()), make_key(&admin, request.clone()));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((&one.key, &one.secret), (&other.key, &other.secret));
    let again = make_key(&admin, request.clone()).await.unwrap();
    assert_eq!(again.secret, one.secret);

    one.caller.community().list_permissions(ListPermissionsRequest::default()).await.unwrap();
    let late = make_key(&admin, request.clone()).await.unwrap();
    assert_eq!((late.key, &*late.secret), (one.key, ""));
    let mut changed = request.clone();
    changed.api_key.as_mut().unwrap().permissions = named(&["members.list", "roles.list"]);
    let answer = make_key(&admin, changed).await;
    let metadata = refused(answer.map(|key| key.key), Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(metadata["request_id"], request.request_id);
}

#[tokio::test]
async fn a_repeated_request_does_not_bring_back_a_revoked_key() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let request = key_request(&place, &["members.list"]);
    let made = make_key(&admin, request.clone()).await.unwrap();
    revoke_key(&admin.caller, &made.key.name).await.unwrap();
    assert_eq!(make_key(&admin, request).await.unwrap().secret, "");
    let hash = usher_runtime::ApiKeySecret::parse(&made.secret).unwrap().hash();
    let answer = admin.caller.service("alerts").identity().verify_api_key(VerifyApiKeyRequest { hash }).await;
    refused(answer, Code::NotFound, "API_KEY_NOT_FOUND");
}
