//! What the community service tells: every fact once, in order, under its name.

use async_nats::jetstream::consumer::pull::OrderedConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use prost::Message as _;
use prost_types::FieldMask;
use sandbox::{Caller, Service, current, until};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, QueryResult, Statement};
use tonic::Code;
use usher_api::community::{
    ApiKey, ApiKeyEvent, Community, CommunityEvent, CommunitySettings, CommunityState, DeleteRoleRequest,
    DeleteServiceAccountRequest, DeregisterPermissionsRequest, Inheritance, LeaveCommunityRequest,
    MemberEvent, MemberState, Permission, PermissionCategory, PermissionEvent, RegisterPermissionsRequest,
    Role, RoleEvent, ServiceAccount, ServiceAccountEvent, ServiceAccountState, SuspendMemberRequest,
    UpdateApiKeyRequest, UpdateCommunityImageRequest, UpdateCommunityRequest, UpdateCommunitySettingsRequest,
    UpdateRoleRequest, UpdateServiceAccountRequest,
};
use uuid::Uuid;

use crate::community::{enrol, somebody};
use crate::support::acts::{
    delete_community, member_name, reactivate_community, reactivate_member, remove_member, set_roles,
    suspend_community, suspend_member, undelete_community,
};
use crate::support::keys::{account, give, key, revoke_key};
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::request_id;
use crate::support::rows::{database, let_the_end_come};
use crate::support::tree::{grant, managed, member, mssp, role};

/// One pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// An event as it was written down to be published.
#[derive(Clone, Debug)]
struct Told {
    kind: String,
    version: i64,
    payload: Vec<u8>,
}

/// The events about the resource by version, when all of them are published.
async fn told(resource: &str) -> Vec<Told> {
    let outbox = database(Service::Community).await;
    let events =
        until(&format!("the events of {resource} are published"), || published(&outbox, resource)).await;
    if let Some(url) = &current().nats_url {
        let expected: Vec<(String, i64)> =
            events.iter().map(|told| (format!("usher.community.{}", told.kind), told.version)).collect();
        assert_eq!(carried(url, resource).await, expected, "what the stream carries");
    }
    events
}

/// The events about the resource by version, unless one is not published yet.
async fn published(outbox: &DatabaseConnection, resource: &str) -> Option<Vec<Told>> {
    let sql = "SELECT kind, version, payload, publish_time FROM outbox WHERE resource = $1 ORDER BY version";
    let statement = Statement::from_sql_and_values(outbox.get_database_backend(), sql, [resource.into()]);
    let read = |row: &QueryResult| {
        row.try_get::<Option<i64>>("", "publish_time").unwrap()?;
        let (kind, version) = (row.try_get("", "kind").unwrap(), row.try_get("", "version").unwrap());
        Some(Told { kind, version, payload: row.try_get("", "payload").unwrap() })
    };
    outbox.query_all_raw(statement).await.unwrap().iter().map(read).collect()
}

/// Subject and version of everything in the stream about the resource, in the order of the stream.
async fn carried(url: &str, resource: &str) -> Vec<(String, i64)> {
    let client = sandbox::nats::connect(url).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream("USHER").await.unwrap();
    let config = OrderedConfig { filter_subject: "usher.community.>".to_owned(), ..OrderedConfig::default() };
    let mut messages = stream.create_consumer(config).await.unwrap().messages().await.unwrap();
    let mut carried = Vec::new();
    loop {
        let message = messages.next().await.expect("the stream goes on").unwrap();
        let headers = message.headers.as_ref().expect("events have headers");
        let header = |name: &str| headers.get(name).expect("the header is there").as_str().to_owned();
        if header("ce-subject") == resource {
            carried.push((message.subject.to_string(), header("ce-sequence").parse().unwrap()));
        }
        if message.info().unwrap().pending == 0 {
            return carried;
        }
    }
}

/// Requires these facts, one for each version from 1.
#[track_caller]
fn assert_facts(told: &[Told], facts: &[&str]) {
    let kinds: Vec<(&str, i64)> = told.iter().map(|told| (told.kind.as_str(), told.version)).collect();
    let expected: Vec<(&str, i64)> = facts.iter().copied().zip(1..).collect();
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn every_change_of_a_community_is_told_once() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mut client = admin.caller.community();
    let renamed =
        Community { name: place.clone(), display_name: "Northwind".to_owned(), ..Community::default() };
    let request = UpdateCommunityRequest { community: Some(renamed), ..UpdateCommunityRequest::default() };
    client.update_community(request).await.unwrap();
    let image = STANDARD.decode(PNG).unwrap();
    let request =
        UpdateCommunityImageRequest { name: place.clone(), image, ..UpdateCommunityImageRequest::default() };
    client.update_community_image(request).await.unwrap();
    let settings = CommunitySettings {
        name: format!("{place}/settings"),
        seat_limit: 9,
        ..CommunitySettings::default()
    };
    let request = UpdateCommunitySettingsRequest {
        settings: Some(settings),
        ..UpdateCommunitySettingsRequest::default()
    };
    client.update_community_settings(request).await.unwrap();
    suspend_community(&admin, &place).await;
    reactivate_community(&admin, &place).await;
    delete_community(&admin, &place).await;
    undelete_community(&admin, &place).await;

    let told = told(&place).await;
    let facts = [
        ("community.created", CommunityState::Active),
        ("community.updated", CommunityState::Active),
        ("community.updated", CommunityState::Active),
        ("community.updated", CommunityState::Active),
        ("community.suspended", CommunityState::Suspended),
        ("community.reactivated", CommunityState::Active),
        ("community.deleted", CommunityState::Deleted),
        ("community.undeleted", CommunityState::Active),
    ];
    assert_facts(&told, &facts.map(|(fact, _)| fact));
    for (told, (_, state)) in told.iter().zip(facts) {
        let event = CommunityEvent::decode(&*told.payload).unwrap();
        assert_eq!((&event.community, event.version, event.state()), (&place, told.version, state));
        assert!(event.occur_time.is_some());
    }
}

#[tokio::test]
async fn the_end_of_a_community_is_told() {
    let admin = admin().await;
    let place = managed(&admin).await;
    delete_community(&admin, &place).await;
    let_the_end_come(&place).await;
    let outbox = database(Service::Community).await;
    until("the sweeper destroys the community", || async {
        let told = published(&outbox, &place).await?;
        told.iter().any(|told| told.kind == "community.purged").then_some(())
    })
    .await;
    let told = told(&place).await;
    assert_facts(&told, &["community.created", "community.deleted", "community.purged"]);
    let event = CommunityEvent::decode(&*told[2].payload).unwrap();
    assert_eq!((&event.community, event.state()), (&place, CommunityState::Unspecified));
}

#[tokio::test]
async fn every_change_of_a_membership_is_told_once() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (user, inside) = (somebody(), &tree.inside[0]);
    enrol(&admin, &tree.root, &user, vec![grant(inside, &["guest"])]).await;
    enrol(&admin, &tree.root, &user, vec![grant(inside, &["analyst"])]).await;
    // Brings nothing that he had not.
    enrol(&admin, &tree.root, &user, vec![grant(inside, &["guest"])]).await;
    set_roles(&admin, inside, &user, [("guest".to_owned(), Inheritance::Self_)]).await;
    suspend_member(&admin, inside, &user).await;
    reactivate_member(&admin, inside, &user).await;
    remove_member(&admin, inside, &user).await;
    enrol(&admin, &tree.root, &user, vec![grant(inside, &["guest"])]).await;

    let name = member_name(inside, &user);
    let told = told(&name).await;
    let facts = ["created", "updated", "updated", "suspended", "reactivated", "deleted", "created"];
    assert_facts(&told, &facts.map(|fact| format!("member.{fact}")).each_ref().map(String::as_str));
    let (active, suspended, gone) = (MemberState::Active, MemberState::Suspended, MemberState::Unspecified);
    let states = [active, active, active, suspended, active, gone, active];
    let by_invitations = [true, true, false, false, false, false, true];
    for ((told, by_invitation), state) in told.iter().zip(by_invitations).zip(states) {
        let event = MemberEvent::decode(&*told.payload).unwrap();
        assert_eq!(event.state(), state);
        assert_eq!((&event.member, event.version, &event.root), (&name, told.version, &tree.root));
        assert_eq!(event.invitation.starts_with(&format!("{}/invitations/", tree.root)), by_invitation);
        assert!(by_invitation || event.invitation.is_empty());
        assert!(event.occur_time.is_some());
    }
}

#[tokio::test]
async fn leaving_is_told_as_removal_is() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let guest = member(&admin, &place, &place, &["guest"]).await;
    let request = LeaveCommunityRequest { name: place.clone(), request_id: request_id() };
    guest.caller.community().leave_community(request.clone()).await.unwrap();
    guest.caller.community().leave_community(request).await.unwrap();
    let told = told(&member_name(&place, &guest.name)).await;
    assert_facts(&told, &["member.created", "member.deleted"]);
}

#[tokio::test]
async fn every_change_of_a_role_is_told_once_and_so_is_who_lost_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (above, alone, here) = (somebody(), somebody(), somebody());
    let name = role(&admin, &tree.root, &["members.list"]).await;
    enrol(&admin, &tree.root, &above, vec![grant(&tree.root, &[&name, "guest"])]).await;
    enrol(&admin, &tree.root, &alone, vec![grant(&tree.root, &[&name])]).await;
    enrol(&admin, &tree.root, &here, vec![grant(&tree.inside[0], &[&name])]).await;
    let changed = Role { name: name.clone(), display_name: "Looker".to_owned(), ..Role::default() };
    let request = UpdateRoleRequest { role: Some(changed), ..UpdateRoleRequest::default() };
    admin.caller.community().update_role(request).await.unwrap();
    let request = DeleteRoleRequest { name: name.clone(), force: true, ..DeleteRoleRequest::default() };
    admin.caller.community().delete_role(request).await.unwrap();

    let told_of_role = told(&name).await;
    assert_facts(&told_of_role, &["role.created", "role.updated", "role.deleted"]);
    for told in told_of_role {
        let event = RoleEvent::decode(&*told.payload).unwrap();
        assert_eq!((&event.role, event.version), (&name, told.version));
        assert!(event.occur_time.is_some());
    }
    // Who had nothing else from above reaches the communities inside no more.
    for (place, user, inherits) in [
        (&tree.root, &above, [true, true]),
        (&tree.root, &alone, [true, false]),
        (&tree.inside[0], &here, [false, false]),
    ] {
        let told = told(&member_name(place, user)).await;
        assert_facts(&told, &["member.created", "member.updated"]);
        let events = told.iter().map(|told| MemberEvent::decode(&*told.payload).unwrap().inherits);
        assert_eq!(events.collect::<Vec<_>>(), inherits);
    }
}

#[tokio::test]
async fn every_change_of_the_catalogue_is_told_once() {
    let service = Caller::nobody().service("alerts");
    let name = format!("t{}.do", Uuid::new_v4().simple());
    let register = |category: PermissionCategory| {
        let description = "Something that a test checks.".to_owned();
        let permission =
            Permission { name: name.clone(), category: category.into(), description, service: String::new() };
        RegisterPermissionsRequest { permissions: vec![permission] }
    };
    let deregister = DeregisterPermissionsRequest { permissions: vec![name.clone()] };
    let mut client = service.community();
    client.register_permissions(register(PermissionCategory::View)).await.unwrap();
    // Changes nothing.
    client.register_permissions(register(PermissionCategory::View)).await.unwrap();
    client.register_permissions(register(PermissionCategory::Admin)).await.unwrap();
    client.deregister_permissions(deregister.clone()).await.unwrap();
    client.deregister_permissions(deregister).await.unwrap();
    client.register_permissions(register(PermissionCategory::View)).await.unwrap();

    let told = told(&name).await;
    let kinds: Vec<&str> = told.iter().map(|told| told.kind.as_str()).collect();
    let (registered, deregistered) = ("permission.registered", "permission.deregistered");
    assert_eq!(kinds, [registered, registered, deregistered, registered]);
    // The versions count the changes of the whole catalogue, which other tests change too.
    assert!(told.is_sorted_by(|one, next| one.version < next.version), "{told:?}");
    for told in told {
        let event = PermissionEvent::decode(&*told.payload).unwrap();
        assert_eq!((&event.permission, event.version), (&name, told.version));
        assert!(event.occur_time.is_some());
    }
}

#[tokio::test]
async fn every_change_of_an_api_key_is_told_once() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let made = key(&admin, &place, &["members.list"]).await.key;
    let renamed = ApiKey { display_name: "Night shift".to_owned(), ..made.clone() };
    let update_mask = Some(FieldMask { paths: vec!["display_name".to_owned()] });
    let request = UpdateApiKeyRequest { api_key: Some(renamed), update_mask, request_id: request_id() };
    let mut client = admin.caller.community();
    client.update_api_key(request.clone()).await.unwrap();
    client.update_api_key(request).await.unwrap();
    revoke_key(&admin.caller, &made.name).await.unwrap();

    let told = told(&made.name).await;
    assert_facts(&told, &["apiKey.created", "apiKey.updated", "apiKey.revoked"]);
    for told in told {
        let event = ApiKeyEvent::decode(&*told.payload).unwrap();
        assert_eq!((&event.api_key, event.version), (&made.name, told.version));
        assert!(event.occur_time.is_some());
    }
}

#[tokio::test]
async fn every_change_of_a_service_account_is_told_once() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (made, key) = account(&admin).await;
    give(&admin, &made.name, &place, &["members.list"]).await;
    let state = ServiceAccountState::Disabled.into();
    let disabled = ServiceAccount { name: made.name.clone(), state, ..ServiceAccount::default() };
    let request = UpdateServiceAccountRequest {
        service_account: Some(disabled),
        update_mask: None,
        request_id: request_id(),
    };
    let mut client = admin.caller.community();
    client.update_service_account(request).await.unwrap();
    let request = DeleteServiceAccountRequest {
        name: made.name.clone(),
        request_id: request_id(),
        ..Default::default()
    };
    client.delete_service_account(request.clone()).await.unwrap();
    client.delete_service_account(request).await.unwrap();

    let told_of_account = told(&made.name).await;
    let facts = ["created", "updated", "updated", "deleted"];
    assert_facts(
        &told_of_account,
        &facts.map(|it| format!("serviceAccount.{it}")).each_ref().map(String::as_str),
    );
    for told in told_of_account {
        let event = ServiceAccountEvent::decode(&*told.payload).unwrap();
        assert_eq!((&event.service_account, event.version), (&made.name, told.version));
        assert!(event.occur_time.is_some());
    }
    // Its key goes with it.
    assert_facts(&told(&key.key.name).await, &["apiKey.created"]);
}

#[tokio::test]
async fn what_is_repeated_or_refused_is_not_told() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = somebody();
    enrol(&admin, &place, &user, vec![grant(&place, &["guest"])]).await;
    let name = member_name(&place, &user);
    let request = SuspendMemberRequest { name: name.clone(), etag: String::new(), request_id: request_id() };
    let mut client = admin.caller.community();
    client.suspend_member(request.clone()).await.unwrap();
    client.suspend_member(request.clone()).await.unwrap();
    let again = SuspendMemberRequest { request_id: request_id(), ..request.clone() };
    refused(client.suspend_member(again).await, Code::FailedPrecondition, "MEMBER_SUSPENDED");
    let stranger = Person::new("stranger").await;
    let denied = stranger.caller.community().suspend_member(request).await;
    refused(denied, Code::PermissionDenied, "PERMISSION_DENIED");
    let himself =
        SuspendMemberRequest { name: member_name(&place, &admin.name), ..SuspendMemberRequest::default() };
    refused(client.suspend_member(himself).await, Code::FailedPrecondition, "LAST_ADMINISTRATOR");

    assert_facts(&told(&name).await, &["member.created", "member.suspended"]);
    assert_facts(&told(&member_name(&place, &admin.name)).await, &["member.created"]);
}
