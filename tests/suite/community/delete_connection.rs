use sandbox::{Caller, until};
use tonic::Code;
use usher_api::community::{DeleteConnectionRequest, ListMembersRequest};
use usher_api::identity::Connection;

use super::add;
use crate::support::oidc::{Identity, Provider, connection, domain, finish, sign_in, start};
use crate::support::people::{Person, admin};
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

/// Waits until the list of members tells that the person signs in so.
async fn signs_in_by(admin: &Person, community: &str, user: &str, methods: &[&str]) {
    until(&format!("the list tells {methods:?}"), || async {
        let request = ListMembersRequest { parent: community.to_owned(), ..ListMembersRequest::default() };
        let members = admin.caller.community().list_members(request).await.unwrap().into_inner().members;
        let told = members.into_iter().find(|member| member.user == user)?.authentication_methods;
        (told == methods).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_list_of_members_tells_who_signs_in_by_one() {
    let (admin, provider, domain) = (admin().await, Provider::real().await, domain());
    let community = managed(&admin).await;
    let [first, second] = [
        connection(&admin, &community, &provider, &[&domain]).await,
        connection(&admin, &community, &provider, &[&domain]).await,
    ];
    let (nobody, identity) = (Caller::nobody(), Identity::new(&domain));
    let mira = Person::with_email(&nobody, &identity.email).await;
    add(&admin, &community, &mira.name, &["guest"]).await;
    signs_in_by(&admin, &community, &mira.name, &["password"]).await;
    for made in [&first, &second] {
        sign_in(&mira.caller, &provider, made, &identity).await.unwrap();
        signs_in_by(&admin, &community, &mira.name, &["password", "single_sign_on"]).await;
    }
    // She has another.
    remove(&admin, &first).await;
    let alone = sign_in(&nobody, &provider, &second, &identity).await.unwrap();
    assert_eq!(alone.credentials.unwrap().user, mira.name);
    signs_in_by(&admin, &community, &mira.name, &["password", "single_sign_on"]).await;
    remove(&admin, &second).await;
    signs_in_by(&admin, &community, &mira.name, &["password"]).await;
}

async fn remove(admin: &Person, connection: &Connection) {
    let request =
        DeleteConnectionRequest { name: connection.name.clone(), ..DeleteConnectionRequest::default() };
    admin.caller.community().delete_connection(request).await.expect("it is deleted");
}
