use prost_types::FieldMask;
use tonic::Code;
use usher_api::community::UpdateConnectionRequest;
use usher_api::identity::{Connection, ConnectionState};

use crate::support::oidc::{create, domain, draft, update};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{managed, member, role};

const ISSUER: &str = "https://accounts.example.com";

#[tokio::test]
async fn changes_what_the_mask_names() {
    let admin = admin().await;
    let (community, domain) = (managed(&admin).await, domain());
    let made = create(&admin, draft(&community, ISSUER, &[])).await.unwrap();
    let mut wanted = Connection {
        display_name: "Another".to_owned(),
        client_id: "another".to_owned(),
        email_domains: vec![domain],
        default_role: format!("{community}/roles/analyst"),
        ..made.clone()
    };
    wanted.set_state(ConnectionState::Disabled);
    let named = update(&admin, &wanted, &["display_name"]).await.unwrap();
    assert_eq!((named.display_name.as_str(), named.client_id.as_str()), ("Another", made.client_id.as_str()));
    wanted.etag = named.etag;
    let all = ["client_id", "email_domains", "default_role", "state"];
    let changed = update(&admin, &wanted, &all).await.unwrap();
    let expected = Connection { etag: "3".to_owned(), update_time: changed.update_time, ..wanted };
    assert_eq!(changed, expected);
}

#[tokio::test]
async fn the_issuer_stays() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let made = create(&admin, draft(&community, ISSUER, &[])).await.unwrap();
    let request = UpdateConnectionRequest {
        connection: Some(Connection { issuer: "https://evil.example.com".to_owned(), ..made }),
        update_mask: Some(FieldMask { paths: vec!["issuer".to_owned()] }),
        client_secret: "x".repeat(501),
        request_id: String::new(),
    };
    let answer = admin.caller.community().update_connection(request).await;
    refused_fields(answer, &["update_mask", "client_secret"]);
}

#[tokio::test]
async fn refuses_a_stale_etag_and_repeats_an_answer() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let made = create(&admin, draft(&community, ISSUER, &[])).await.unwrap();
    let request = UpdateConnectionRequest {
        connection: Some(Connection { display_name: "Another".to_owned(), ..made.clone() }),
        update_mask: Some(FieldMask { paths: vec!["display_name".to_owned()] }),
        client_secret: "another secret".to_owned(),
        request_id: request_id(),
    };
    let first = admin.caller.community().update_connection(request.clone()).await.unwrap().into_inner();
    let again = admin.caller.community().update_connection(request).await.unwrap().into_inner();
    assert_eq!(first, again);
    refused(update(&admin, &made, &["state"]).await, Code::Aborted, "ETAG_MISMATCH");
}

#[tokio::test]
async fn nobody_gives_by_it_what_he_could_not_give() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let made = create(&admin, draft(&community, ISSUER, &[])).await.unwrap();
    let keeper = role(&admin, &community, &["connections.manage", "communities.get"]).await;
    let keeper = member(&admin, &community, &community, &[&keeper]).await;
    let wanted = Connection { default_role: format!("{community}/roles/admin"), ..made.clone() };
    let answer = update(&keeper, &wanted, &["default_role"]).await;
    refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    let wanted = Connection { default_role: String::new(), email_domains: vec![domain()], ..made.clone() };
    let answer = update(&keeper, &wanted, &["email_domains"]).await;
    let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(metadata["permission"], "connections.believe");
    let wanted = Connection { default_role: String::new(), display_name: "Kept".to_owned(), ..made };
    assert_eq!(update(&keeper, &wanted, &["display_name"]).await.unwrap().display_name, "Kept");
}

#[tokio::test]
async fn is_not_reached_through_another_community() {
    let admin = admin().await;
    let (community, other) = (managed(&admin).await, managed(&admin).await);
    let made = create(&admin, draft(&community, ISSUER, &[])).await.unwrap();
    let name = made.name.replace(&community, &other);
    let moved = Connection { name, default_role: String::new(), ..made };
    refused(update(&admin, &moved, &["state"]).await, Code::NotFound, "CONNECTION_NOT_FOUND");
}
