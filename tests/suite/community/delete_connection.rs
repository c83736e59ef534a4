use sandbox::Caller;
use tonic::Code;
use usher_api::community::DeleteConnectionRequest;

use crate::support::oidc::{Identity, Provider, connection, domain, finish, sign_in, start};
use crate::support::people::admin;
use crate::support::refusal::refused;
use crate::support::request_id;
use crate::support::tree::managed;

#[tokio::test]
async fn ends_its_sign_ins() {
    let (admin, provider, domain) = (admin().await, Provider::real().await, domain());
    let community = managed(&admin).await;
    let made = connection(&admin, &community, &provider, &[&domain]).await;
    let (nobody, mira) = (Caller::nobody(), Identity::new(&domain));
    sign_in(&nobody, &provider, &made, &mira).await.unwrap();
    let begun = start(&nobody, &made).await.unwrap();
    let back = provider.walk(&begun, &mira).await;

    let stale =
        DeleteConnectionRequest { name: made.name.clone(), etag: "7".to_owned(), request_id: request_id() };
    let answer = admin.caller.community().delete_connection(stale.clone()).await;
    refused(answer, Code::Aborted, "ETAG_MISMATCH");
    let request = DeleteConnectionRequest { etag: made.etag.clone(), request_id: request_id(), ..stale };
    admin.caller.community().delete_connection(request.clone()).await.unwrap();
    admin.caller.community().delete_connection(request.clone()).await.unwrap();
    let again = DeleteConnectionRequest { request_id: request_id(), ..request };
    let answer = admin.caller.community().delete_connection(again).await;
    refused(answer, Code::NotFound, "CONNECTION_NOT_FOUND");

    let answer = finish(&nobody, &begun.state, &back["code"]).await;
    refused(answer, Code::Unauthenticated, "SIGN_ON_STATE_INVALID");
    refused(start(&nobody, &made).await, Code::NotFound, "CONNECTION_NOT_FOUND");

    // Another connection to the same provider does not know him: an account is never found by the address.
    let other = connection(&admin, &community, &provider, &[&domain]).await;
    let answer = sign_in(&nobody, &provider, &other, &mira).await;
    refused(answer, Code::FailedPrecondition, "LINK_NEEDS_SIGN_IN");
}
