use tonic::{Code, Status};
use usher_api::invitation::{
    DeclineInvitationRequest, InvitationState, ListMyInvitationsRequest, ListMyInvitationsResponse,
};

use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::rows::unprove_mailbox;
use crate::support::tree::{accept, grant, invite, managed, mssp, token};

async fn list(
    person: &Person,
    request: ListMyInvitationsRequest,
) -> Result<ListMyInvitationsResponse, Status> {
    person.caller.invitation().list_my_invitations(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn the_invited_person_sees_what_waits_for_him_in_words() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let (tree, elsewhere) = (mssp(&admin, 2).await, managed(&admin).await);
    let places = vec![grant(&tree.inside[0], &["guest", "analyst"]), grant(&tree.inside[1], &["guest"])];
    let first = invite(&admin, &tree.root, &guest.email.to_uppercase(), places).await;
    let second = invite(&admin, &elsewhere, &guest.email, vec![grant(&elsewhere, &["guest"])]).await;
    invite(&admin, &elsewhere, &address("other"), vec![grant(&elsewhere, &["guest"])]).await;

    let page = list(&guest, ListMyInvitationsRequest::default()).await.unwrap();
    let names: Vec<_> = page.invitations.iter().map(|it| it.name.clone()).collect();
    assert_eq!(names, [second.name.clone(), first.name.clone()]);
    let offer = page.invitations[1].offer.clone().unwrap();
    assert_eq!(offer.communities.iter().map(|it| it.community.clone()).collect::<Vec<_>>(), tree.inside);
    assert_eq!(offer.communities[0].roles.len(), 2);
    assert!(!offer.communities[0].display_name.is_empty());
    assert_eq!(offer.expire_time, first.expire_time);
    assert_eq!(page.invitations[1].state(), InvitationState::Pending);

    let decline =
        DeclineInvitationRequest { name: second.name.clone(), ..DeclineInvitationRequest::default() };
    guest.caller.invitation().decline_invitation(decline).await.unwrap();
    accept(&guest, &token(&admin, &first.name).await).await.unwrap();
    assert!(list(&guest, ListMyInvitationsRequest::default()).await.unwrap().invitations.is_empty());
    for (state, name) in [(InvitationState::Declined, second.name), (InvitationState::Accepted, first.name)] {
        let ended = ListMyInvitationsRequest { states: vec![state.into()], ..Default::default() };
        let page = list(&guest, ended).await.unwrap();
        assert_eq!(page.invitations.into_iter().map(|it| it.name).collect::<Vec<_>>(), [name]);
    }
}

#[tokio::test]
async fn pages_lead_on() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let mut made = Vec::new();
    for _ in 0..3 {
        let place = managed(&admin).await;
        made.insert(0, invite(&admin, &place, &guest.email, vec![grant(&place, &["guest"])]).await.name);
    }
    let of_two = || ListMyInvitationsRequest { page_size: 2, ..ListMyInvitationsRequest::default() };
    let first = list(&guest, of_two()).await.unwrap();
    let page_token = first.next_page_token.clone();
    let second = list(&guest, ListMyInvitationsRequest { page_token: page_token.clone(), ..of_two() });
    let second = second.await.unwrap();
    assert_eq!((first.invitations.len(), second.next_page_token.as_str()), (2, ""));
    let seen: Vec<_> = first.invitations.into_iter().chain(second.invitations).map(|it| it.name).collect();
    assert_eq!(seen, made);
    let other = Person::new("other").await;
    let stolen = list(&other, ListMyInvitationsRequest { page_token, ..of_two() }).await;
    refused(stolen, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn an_address_that_is_not_proven_lists_nothing() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let place = managed(&admin).await;
    invite(&admin, &place, &guest.email, vec![grant(&place, &["guest"])]).await;
    unprove_mailbox(&guest.name).await;
    let answer = list(&guest, ListMyInvitationsRequest::default()).await;
    refused(answer, Code::FailedPrecondition, "EMAIL_NOT_VERIFIED");
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let guest = Person::new("guest").await;
    let bad = ListMyInvitationsRequest { states: vec![0, 77], page_size: -1, page_token: String::new() };
    refused_fields(list(&guest, bad).await, &["states[0]", "states[1]", "page_size"]);
}
