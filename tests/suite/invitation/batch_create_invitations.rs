use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use usher_api::community::CommunitySettings;
use usher_api::invitation::{
    BatchCreateInvitationsRequest, BatchCreateInvitationsResponse, CreateInvitationRequest, InvitationState,
    ListInvitationsRequest,
};

use crate::support::acts::set_community;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{Tree, grant, invite, member, mssp, offer};
use crate::support::{address, request_id};

/// A batch of these, which are emptied of what only the batch may say.
fn batch(root: &str, requests: Vec<CreateInvitationRequest>) -> BatchCreateInvitationsRequest {
    let plain = |request| CreateInvitationRequest { request_id: String::new(), ..request };
    BatchCreateInvitationsRequest {
        parent: root.to_owned(),
        requests: requests.into_iter().map(plain).collect(),
        request_id: request_id(),
        validate_only: false,
    }
}

async fn create(
    inviter: &Person,
    request: BatchCreateInvitationsRequest,
) -> Result<BatchCreateInvitationsResponse, Status> {
    Ok(inviter.caller.invitation().batch_create_invitations(request).await?.into_inner())
}

/// A guest of the place at `index` inside.
fn guest_of(tree: &Tree, index: usize) -> CreateInvitationRequest {
    offer(&tree.root, &address("guest"), vec![grant(&tree.inside[index], &["guest"])])
}

/// How many invitations the tree has.
async fn number(admin: &Person, root: &str) -> usize {
    let request = ListInvitationsRequest { parent: root.to_owned(), ..ListInvitationsRequest::default() };
    admin.caller.invitation().list_invitations(request).await.unwrap().into_inner().invitations.len()
}

#[tokio::test]
async fn invites_each_to_something_of_his_own() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let mut second = guest_of(&tree, 1);
    second.invitation.as_mut().unwrap().grants.push(grant(&tree.inside[0], &["analyst"]));
    let request = batch(&tree.root, vec![guest_of(&tree, 0), second, guest_of(&tree, 0)]);
    let answer = create(&admin, request.clone()).await.unwrap();
    let emails: Vec<_> = request.requests.iter().map(|it| &it.invitation.as_ref().unwrap().email).collect();
    assert_eq!(answer.invitations.iter().map(|it| &it.email).collect::<Vec<_>>(), emails);
    assert!(answer.invitations.iter().all(|it| it.state() == InvitationState::Pending));
    let communities: Vec<_> = answer.invitations[1].grants.iter().map(|it| it.community.clone()).collect();
    assert_eq!(communities, [tree.inside[1].clone(), tree.inside[0].clone()]);
    // The same request again changes nothing and gets the same answer.
    assert_eq!(create(&admin, request.clone()).await.unwrap(), answer);
    assert_eq!(number(&admin, &tree.root).await, 3);
    let other = BatchCreateInvitationsRequest {
        request_id: request.request_id,
        ..batch(&tree.root, vec![guest_of(&tree, 0)])
    };
    refused(create(&admin, other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn one_that_cannot_be_made_keeps_all_from_being_made_and_all_reasons_are_told() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let pending = address("pending");
    invite(&admin, &tree.root, &pending, vec![grant(&tree.inside[0], &["guest"])]).await;
    let unknown = offer(&tree.root, &address("guest"), vec![grant(&tree.inside[1], &["superuser"])]);
    let member = member(&admin, &tree.root, &tree.inside[0], &["guest"]).await;
    let already = offer(&tree.root, &member.email, vec![grant(&tree.inside[0], &["guest"])]);
    let before = number(&admin, &tree.root).await;
    let request = batch(&tree.root, vec![guest_of(&tree, 0), unknown, already, guest_of(&tree, 1)]);
    let answer = create(&admin, request).await;
    let details = answer.as_ref().unwrap_err().get_error_details();
    let told: Vec<_> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|it| (it.field.as_str(), it.description.split(':').next().unwrap()))
        .collect();
    assert_eq!(told, [("requests[1]", "UNKNOWN_ROLE"), ("requests[2]", "ALREADY_MEMBER")]);
    let metadata = refused(answer, Code::FailedPrecondition, "BATCH_REFUSED");
    assert_eq!(metadata["requests"], "1,2");
    assert_eq!(number(&admin, &tree.root).await, before);

    // What only shows when they are written, twins included.
    let twins = [guest_of(&tree, 1), guest_of(&tree, 1)].map(|mut request| {
        request.invitation.as_mut().unwrap().email = format!("twin.{pending}");
        request
    });
    let again = offer(&tree.root, &pending, vec![grant(&tree.inside[0], &["guest"])]);
    let [one, other] = twins;
    let answer = create(&admin, batch(&tree.root, vec![one, again, other])).await;
    assert_eq!(refused(answer, Code::FailedPrecondition, "BATCH_REFUSED")["requests"], "1,2");
    assert_eq!(number(&admin, &tree.root).await, before);
}

#[tokio::test]
async fn a_batch_takes_all_of_its_seats_or_none() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let place = &tree.inside[0];
    set_community(&admin, place, CommunitySettings { seat_limit: 3, ..CommunitySettings::default() }).await;
    let many = || (0..4).map(|_| guest_of(&tree, 0)).collect();
    let answer = create(&admin, batch(&tree.root, many())).await;
    assert_eq!(refused(answer, Code::FailedPrecondition, "BATCH_REFUSED")["requests"], "3");
    let three = (0..3).map(|_| guest_of(&tree, 0)).collect();
    create(&admin, batch(&tree.root, three)).await.unwrap();
    let answer = admin.caller.invitation().create_invitation(guest_of(&tree, 0)).await;
    refused(answer, Code::ResourceExhausted, "SEAT_LIMIT_REACHED");
}

#[tokio::test]
async fn lists_all_invalid_fields_together_with_their_index() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let mut bad = guest_of(&tree, 0);
    bad.invitation.as_mut().unwrap().email = "nobody".to_owned();
    bad.ttl = Some(prost_types::Duration { seconds: -1, nanos: 0 });
    let mut foreign = guest_of(&tree, 0);
    foreign.parent = tree.inside[0].clone();
    let mut request = batch(&tree.root, vec![guest_of(&tree, 0), bad, foreign]);
    request.requests[0].request_id = request_id();
    request.requests[0].validate_only = true;
    request.request_id = "42".to_owned();
    let fields = [
        "requests[0].request_id",
        "requests[0].validate_only",
        "requests[1].invitation.email",
        "requests[1].ttl",
        "requests[2].parent",
        "request_id",
    ];
    refused_fields(create(&admin, request).await, &fields);
    refused_fields(create(&admin, BatchCreateInvitationsRequest::default()).await, &["parent", "requests"]);
    let many = (0..101).map(|_| guest_of(&tree, 0)).collect();
    refused_fields(create(&admin, batch(&tree.root, many)).await, &["requests"]);
}

#[tokio::test]
async fn without_authority_over_one_nobody_is_invited() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let manager = member(&admin, &tree.root, &tree.inside[0], &["manage_member"]).await;
    let before = number(&admin, &tree.root).await;
    let request = batch(&tree.root, vec![guest_of(&tree, 0), guest_of(&tree, 1)]);
    let metadata = refused(create(&manager, request).await, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!((&*metadata["permission"], &metadata["resource"]), ("invitations.create", &tree.inside[1]));
    assert_eq!(number(&admin, &tree.root).await, before);
    create(&manager, batch(&tree.root, vec![guest_of(&tree, 0)])).await.unwrap();
}

#[tokio::test]
async fn looking_writes_nothing() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let unknown = offer(&tree.root, &address("guest"), vec![grant(&tree.inside[0], &["superuser"])]);
    let looked = BatchCreateInvitationsRequest {
        validate_only: true,
        ..batch(&tree.root, vec![guest_of(&tree, 0), unknown])
    };
    let answer = create(&admin, looked).await.unwrap();
    assert!(answer.invitations.is_empty());
    assert!(answer.previews[0].refusals.is_empty());
    assert_eq!(answer.previews[0].grants[0].grant.as_ref().unwrap().community, tree.inside[0]);
    let reasons: Vec<_> = answer.previews[1].refusals.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(reasons, ["UNKNOWN_ROLE"]);
    assert_eq!(number(&admin, &tree.root).await, 0);
}
