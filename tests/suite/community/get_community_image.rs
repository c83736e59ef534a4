use image::ImageFormat;
use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::GetCommunityImageRequest;

use super::update_community_image::{request, update};
use super::{denied, holder, no_community};
use crate::support::acts::{delete_community, suspend_community};
use crate::support::people::{Person, admin};
use crate::support::picture::picture;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, hand_over, managed, mssp};

async fn get(caller: &Caller, name: &str) -> Result<Vec<u8>, Status> {
    let request = GetCommunityImageRequest { name: name.to_owned() };
    Ok(caller.community().get_community_image(request).await?.into_inner().image)
}

#[tokio::test]
async fn whoever_sees_the_community_sees_its_image() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (place, content) = (&tree.inside[0], picture(ImageFormat::Png, 3));
    update(&admin, request(place, content.clone())).await.unwrap();
    let guest = holder(&admin, &tree.root, vec![grant(place, &["guest"])]).await;
    let beside = holder(&admin, &tree.root, vec![grant(&tree.inside[1], &["admin"])]).await;
    let (service, nowhere) = (Caller::nobody().service("alerts"), no_community());
    for caller in [&admin.caller, &guest.caller, &service] {
        assert_eq!(get(caller, place).await.unwrap(), content);
    }
    for stranger in [&beside, &Person::new("stranger").await] {
        denied(get(&stranger.caller, place).await, "communities.get", place);
        denied(get(&stranger.caller, &nowhere).await, "communities.get", &nowhere);
    }
    refused(get(&Caller::nobody(), place).await, Code::Unauthenticated, "TOKEN_MISSING");
}

#[tokio::test]
async fn services_learn_what_is_missing() {
    let (service, nowhere) = (Caller::nobody().service("alerts"), no_community());
    let metadata = refused(get(&service, &nowhere).await, Code::NotFound, "COMMUNITY_NOT_FOUND");
    assert_eq!(metadata["community"], nowhere);
    let place = managed(&admin().await).await;
    let metadata = refused(get(&service, &place).await, Code::NotFound, "IMAGE_NOT_FOUND");
    assert_eq!(metadata["community"], place);
    refused_fields(get(&service, "northwind").await, &["name"]);
}

#[tokio::test]
async fn it_is_seen_where_the_community_is_stopped_and_by_the_platform() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (place, content) = (&tree.inside[0], picture(ImageFormat::Png, 3));
    update(&admin, request(place, content.clone())).await.unwrap();
    let guest = holder(&admin, &tree.root, vec![grant(place, &["guest"])]).await;
    let owner = hand_over(&admin, &tree.root).await;
    delete_community(&owner, place).await;
    suspend_community(&admin, &tree.root).await;
    for caller in [&admin.caller, &guest.caller] {
        assert_eq!(get(caller, place).await.unwrap(), content);
    }
    refused(get(&admin.caller, &no_community()).await, Code::NotFound, "COMMUNITY_NOT_FOUND");
}
