use tonic::Code;
use usher_api::community::GetConnectionRequest;

use crate::support::oidc::{create, draft};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{managed, member};

#[tokio::test]
async fn is_for_those_who_manage_connections() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let made = create(&admin, draft(&community, "https://accounts.example.com", &[])).await.unwrap();
    let analyst = member(&admin, &community, &community, &["analyst"]).await;
    let ask = |name: &str| GetConnectionRequest { name: name.to_owned() };
    let answer = analyst.caller.community().get_connection(ask(&made.name)).await;
    let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(metadata["permission"], "connections.manage");
    let unknown = format!("{community}/connections/00000000-0000-0000-0000-000000000001");
    let answer = admin.caller.community().get_connection(ask(&unknown)).await;
    let metadata = refused(answer, Code::NotFound, "CONNECTION_NOT_FOUND");
    assert_eq!(metadata["connection"], unknown);
    refused_fields(admin.caller.community().get_connection(ask(&community)).await, &["name"]);
}
