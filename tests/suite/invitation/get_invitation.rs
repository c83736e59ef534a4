use tonic::Code;
use usher_api::invitation::{GetInvitationRequest, GetInvitationResponse};
use uuid::Uuid;

use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, invite, managed, member, mssp};

async fn get(person: &Person, name: &str) -> Result<GetInvitationResponse, tonic::Status> {
    let request = GetInvitationRequest { name: name.to_owned() };
    person.caller.invitation().get_invitation(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn returns_the_invitation() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    assert_eq!(get(&admin, &invitation.name).await.unwrap().invitation.unwrap(), invitation);
}

#[tokio::test]
async fn shows_only_the_grants_of_communities_that_the_reader_sees() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let reader = member(&admin, &tree.root, &tree.inside[0], &["guest"]).await;
    let both = vec![grant(&tree.inside[1], &["guest"]), grant(&tree.inside[0], &["guest"])];
    let invitation = invite(&admin, &tree.root, &address("guest"), both).await;
    let seen = get(&reader, &invitation.name).await.unwrap().invitation.unwrap();
    let communities: Vec<_> = seen.grants.iter().map(|grant| grant.community.as_str()).collect();
    assert_eq!(communities, [tree.inside[0].as_str()]);

    let elsewhere =
        invite(&admin, &tree.root, &address("guest"), vec![grant(&tree.inside[1], &["guest"])]).await;
    refused(get(&reader, &elsewhere.name).await, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn tells_strangers_nothing() {
    let (admin, stranger) = (admin().await, Person::new("stranger").await);
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    let missing = format!("{community}/invitations/{}", Uuid::new_v4());
    for name in [&invitation.name, &missing] {
        refused(get(&stranger, name).await, Code::PermissionDenied, "PERMISSION_DENIED");
    }
    refused(get(&admin, &missing).await, Code::NotFound, "INVITATION_NOT_FOUND");
}

#[tokio::test]
async fn an_invitation_is_found_under_its_own_root_only() {
    let admin = admin().await;
    let (community, other) = (managed(&admin).await, managed(&admin).await);
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    let crossed = invitation.name.replace(&community, &other);
    refused(get(&admin, &crossed).await, Code::NotFound, "INVITATION_NOT_FOUND");
    refused_fields(get(&admin, "invitations/1").await, &["name"]);
}
