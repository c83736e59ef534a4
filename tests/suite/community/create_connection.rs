use sandbox::Caller;
use tonic::Code;
use usher_api::community::{CreateConnectionRequest, GetConnectionRequest};
use usher_api::identity::{Connection, ConnectionState};

use crate::support::acts::suspend_community;
use crate::support::oidc::{CLIENT_ID, CLIENT_SECRET, create, domain, draft};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{managed, member, mssp, role};
use crate::support::{address, request_id};

const ISSUER: &str = "https://accounts.example.com";

#[tokio::test]
async fn connects_a_provider_and_keeps_its_secret() {
    let admin = admin().await;
    let (community, domain) = (managed(&admin).await, domain());
    let made = create(&admin, draft(&community, ISSUER, &[&domain.to_uppercase()])).await.unwrap();
    assert!(made.name.starts_with(&format!("{community}/connections/")));
    assert_eq!((made.issuer.as_str(), made.client_id.as_str()), (ISSUER, CLIENT_ID));
    assert_eq!(
        (made.email_domains.as_slice(), made.state()),
        ([domain].as_slice(), ConnectionState::Enabled)
    );
    assert_eq!(made.default_role, format!("{community}/roles/guest"));
    let request = GetConnectionRequest { name: made.name.clone() };
    let answer = admin.caller.community().get_connection(request).await.unwrap().into_inner();
    assert!(!format!("{answer:?}").contains(CLIENT_SECRET));
    assert_eq!(answer.connection.unwrap(), made);
}

#[tokio::test]
async fn tells_all_that_is_wrong() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let connection = Connection {
        issuer: "http://accounts.example.com?x".to_owned(),
        email_domains: vec!["not a domain".to_owned()],
        state: 99,
        ..Connection::default()
    };
    let request = CreateConnectionRequest {
        parent: community,
        connection: Some(connection),
        client_secret: String::new(),
        request_id: "x".to_owned(),
    };
    let fields = [
        "connection.issuer",
        "connection.display_name",
        "connection.client_id",
        "connection.default_role",
        "connection.email_domains[0]",
        "client_secret",
        "request_id",
    ];
    refused_fields(create(&admin, request).await, &fields);
}

#[tokio::test]
async fn a_retry_makes_no_second_one() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let request = draft(&community, ISSUER, &[]);
    let first = create(&admin, request.clone()).await.unwrap();
    assert_eq!(create(&admin, request.clone()).await.unwrap(), first);
    let other = CreateConnectionRequest { client_secret: "another".to_owned(), ..request };
    refused(create(&admin, other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn only_platform_administrators_say_who_is_believed() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let keeper = role(&admin, &community, &["connections.manage", "communities.get"]).await;
    let keeper = member(&admin, &community, &community, &[&keeper]).await;
    let guest = draft(&community, ISSUER, &[&domain()]);
    let metadata = refused(create(&keeper, guest).await, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert_eq!(metadata["community"], community);
    let own = member(&admin, &community, &community, &["admin"]).await;
    let metadata = refused(
        create(&own, draft(&community, ISSUER, &[&domain()])).await,
        Code::PermissionDenied,
        "PERMISSION_DENIED",
    );
    assert_eq!(metadata["permission"], "connections.believe");
    create(&own, draft(&community, ISSUER, &[])).await.unwrap();
}

#[tokio::test]
async fn refuses_whoever_lacks_the_permission_and_stopped_communities() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (here, beside) = (&tree.inside[0], &tree.inside[1]);
    let neighbour = member(&admin, &tree.root, beside, &["admin"]).await;
    let answer = create(&neighbour, draft(here, ISSUER, &[])).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    let stranger = Person::with_email(&Caller::nobody(), &address("stranger")).await;
    let answer = create(&stranger, draft(here, ISSUER, &[])).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    let mut unknown = draft(beside, ISSUER, &[]);
    if let Some(connection) = &mut unknown.connection {
        connection.default_role = format!("{beside}/roles/{}", request_id());
    }
    refused(create(&neighbour, unknown).await, Code::InvalidArgument, "UNKNOWN_ROLE");
    suspend_community(&admin, beside).await;
    let answer = create(&neighbour, draft(beside, ISSUER, &[])).await;
    refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
}

#[tokio::test]
async fn a_community_has_twenty_at_most() {
    let admin = admin().await;
    let community = managed(&admin).await;
    for _ in 0..20 {
        create(&admin, draft(&community, ISSUER, &[])).await.unwrap();
    }
    let answer = create(&admin, draft(&community, ISSUER, &[])).await;
    let metadata = refused(answer, Code::FailedPrecondition, "CONNECTION_LIMIT_REACHED");
    assert_eq!(metadata["community"], community);
}
