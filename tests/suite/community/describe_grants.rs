use image::ImageFormat;
use tonic::Status;
use usher_api::community::{
    CommunityState, DeleteRoleRequest, DescribeGrantsRequest, DescribedGrant, Grant,
    UpdateCommunityImageRequest,
};
use uuid::Uuid;

use super::invitation_service;
use crate::support::acts::{delete_community, suspend_community};
use crate::support::people::admin;
use crate::support::picture::picture;
use crate::support::refusal::refused_fields;
use crate::support::request_id;
use crate::support::tree::{grant, managed, mssp, role};

async fn describe(grants: Vec<Grant>) -> Result<Vec<DescribedGrant>, Status> {
    let answer = invitation_service().community().describe_grants(DescribeGrantsRequest { grants }).await?;
    Ok(answer.into_inner().grants)
}

/// The role of the name `guest`, as invitations keep it.
fn guest_of(community: &str) -> String {
    format!("{community}/roles/guest")
}

#[tokio::test]
async fn names_communities_and_roles_in_the_order_of_the_grants() {
    let admin = admin().await;
    let (tree, alone) = (mssp(&admin, 1).await, managed(&admin).await);
    let place = &tree.inside[0];
    let (above, own) =
        (role(&admin, &tree.root, &["members.list"]).await, role(&admin, place, &["members.list"]).await);
    let gone = role(&admin, place, &["members.list"]).await;
    let delete = DeleteRoleRequest { name: gone.clone(), ..DeleteRoleRequest::default() };
    admin.caller.community().delete_role(delete).await.unwrap();
    let request = UpdateCommunityImageRequest {
        name: alone.clone(),
        image: picture(ImageFormat::Png, 8),
        etag: String::new(),
        request_id: request_id(),
    };
    let image = admin.caller.community().update_community_image(request).await.unwrap().into_inner();

    let grants = vec![
        grant(&alone, &[&guest_of(&alone)]),
        grant(place, &[&own, &gone, &guest_of(place), &above]),
        grant(&tree.root, &[&above]),
        grant(&alone, &[&guest_of(&alone)]),
    ];
    let described = describe(grants).await.unwrap();
    assert_eq!(described.len(), 4);
    assert_eq!(described[0], described[3]);
    assert_eq!(described[0].image_id, image.community.unwrap().image_id);
    assert_eq!(described[0].roles, ["Guest"]);
    assert_eq!(described[1].roles.len(), 3, "one is gone");
    assert_eq!(described[1].roles[1], "Guest");
    assert_eq!(described[1].roles[2..], described[2].roles);
    for grant in &described {
        assert!(!grant.display_name.is_empty());
        assert_eq!(grant.effective_state(), CommunityState::Active);
    }
}

#[tokio::test]
async fn a_community_is_as_stopped_as_the_one_above_and_one_that_is_gone_has_no_name() {
    let admin = admin().await;
    let (suspended, deleted) = (mssp(&admin, 1).await, managed(&admin).await);
    suspend_community(&admin, &suspended.root).await;
    delete_community(&admin, &deleted).await;
    let unknown = format!("communities/{}", Uuid::new_v4());
    let places = [&suspended.inside[0], &deleted, &unknown];
    let grants = places.map(|place| grant(place, &[&guest_of(place)])).to_vec();
    let described = describe(grants).await.unwrap();
    let states: Vec<_> = described.iter().map(DescribedGrant::effective_state).collect();
    assert_eq!(states, [CommunityState::Suspended, CommunityState::Deleted, CommunityState::Deleted]);
    assert_eq!(described.iter().filter(|grant| grant.display_name.is_empty()).count(), 1);
    assert_eq!(described[2].display_name, "");
}

#[tokio::test]
async fn needs_grants_with_names_and_not_too_many() {
    let place = format!("communities/{}", Uuid::new_v4());
    refused_fields(describe(Vec::new()).await, &["grants"]);
    refused_fields(describe(vec![grant(&place, &[]); 1_001]).await, &["grants"]);
    let wrong = vec![
        grant("alpine", &[&guest_of(&place)]),
        grant(&place, &[&guest_of(&place), "guest", &format!("{place}/roles/x")]),
    ];
    refused_fields(
        describe(wrong).await,
        &["grants[0].community", "grants[1].roles[1]", "grants[1].roles[2]"],
    );
}
