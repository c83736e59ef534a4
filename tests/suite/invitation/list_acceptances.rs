use std::time::Duration;

use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::GrantOutcome;
use usher_api::invitation::{
    AcceptInvitationRequest, Acceptance, AcceptanceProof, ListAcceptancesRequest, ListAcceptancesResponse,
    Registration,
};
use usher_runtime::Clock;

use crate::support::address;
use crate::support::people::{PASSWORD, Person, TERMS, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{accept, grant, invite, managed, member, mssp, token};

fn request(root: &str) -> ListAcceptancesRequest {
    ListAcceptancesRequest { parent: root.to_owned(), ..ListAcceptancesRequest::default() }
}

async fn page(person: &Person, request: ListAcceptancesRequest) -> Result<ListAcceptancesResponse, Status> {
    Ok(person.caller.invitation().list_acceptances(request).await?.into_inner())
}

async fn list(person: &Person, request: ListAcceptancesRequest) -> Vec<Acceptance> {
    page(person, request).await.unwrap().acceptances
}

#[tokio::test]
async fn tells_how_each_showed_that_it_was_he_and_which_terms_he_accepted() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let offer = || vec![grant(&place, &["guest"])];
    let new = invite(&admin, &place, &address("new"), offer()).await;
    let registration = Registration {
        full_name: "Noor Haddad".to_owned(),
        password: PASSWORD.to_owned(),
        terms_version: "2026-11".to_owned(),
        ..Registration::default()
    };
    let by_registering = AcceptInvitationRequest {
        token: token(&admin, &new.name).await,
        registration: Some(registration),
        ..AcceptInvitationRequest::default()
    };
    Caller::nobody().invitation().accept_invitation(by_registering).await.unwrap();
    let linked = Person::new("linked").await;
    let to_linked = invite(&admin, &place, &linked.email, offer()).await;
    accept(&linked, &token(&admin, &to_linked.name).await).await.unwrap();
    let named = Person::new("named").await;
    let to_named = invite(&admin, &place, &named.email, offer()).await;
    let by_name =
        AcceptInvitationRequest { name: to_named.name.clone(), ..AcceptInvitationRequest::default() };
    named.caller.invitation().accept_invitation(by_name).await.unwrap();
    // One that waits is no evidence.
    invite(&admin, &place, &address("waits"), offer()).await;

    let told = list(&admin, request(&place)).await;
    let expected = [
        (&new, AcceptanceProof::Registration, "2026-11"),
        (&to_linked, AcceptanceProof::Link, TERMS),
        (&to_named, AcceptanceProof::Session, TERMS),
    ];
    assert_eq!(told.len(), expected.len());
    for (told, (invitation, proof, terms)) in told.iter().zip(expected) {
        assert_eq!((&told.invitation, &told.email), (&invitation.name, &invitation.email));
        assert_eq!((told.proof(), told.terms_version.as_str()), (proof, terms));
        assert_eq!(told.session.is_empty(), proof == AcceptanceProof::Registration);
        assert_eq!(told.source_address, "127.0.0.1");
        assert!(told.consent_time.is_some() && told.accept_time.is_some());
        assert_eq!(told.grants[0].outcome(), GrantOutcome::Granted);
    }
    assert_eq!(told[2].invitee, named.name);
    assert!(told[2].session.starts_with(&format!("{}/sessions/", named.name)));
}

#[tokio::test]
async fn pages_through_all_and_filters() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mut names = Vec::new();
    for _ in 0..3 {
        let guest = Person::new("guest").await;
        let invitation = invite(&admin, &place, &guest.email, vec![grant(&place, &["guest"])]).await;
        accept(&guest, &token(&admin, &invitation.name).await).await.unwrap();
        names.push(invitation.name);
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let asked = ListAcceptancesRequest { page_size: 2, page_token, ..request(&place) };
        let answer = page(&admin, asked).await.unwrap();
        seen.extend(answer.acceptances);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
        let other = ListAcceptancesRequest {
            page_token: page_token.clone(),
            invitation: names[0].clone(),
            ..request(&place)
        };
        refused(page(&admin, other).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }
    assert_eq!(seen.iter().map(|told| told.invitation.clone()).collect::<Vec<_>>(), names);

    let second = ListAcceptancesRequest { invitation: names[1].clone(), ..request(&place) };
    assert_eq!(list(&admin, second).await, [seen[1].clone()]);
    let from = ListAcceptancesRequest { start_time: seen[1].accept_time, ..request(&place) };
    assert_eq!(list(&admin, from).await, seen[1..]);
    let before = ListAcceptancesRequest { end_time: seen[1].accept_time, ..request(&place) };
    assert_eq!(list(&admin, before).await, seen[..1]);
    let later = Clock::system().now().after(Duration::from_hours(1));
    let none = ListAcceptancesRequest { start_time: Some(later.into()), ..request(&place) };
    assert!(list(&admin, none).await.is_empty());
}

#[tokio::test]
async fn is_for_administrators_of_the_tree() {
    let admin = admin().await;
    let (tree, other) = (mssp(&admin, 1).await, managed(&admin).await);
    let manager = member(&admin, &tree.root, &tree.root, &["manage_member"]).await;
    let inside = member(&admin, &tree.root, &tree.inside[0], &["admin"]).await;
    for person in [&manager, &inside, &Person::new("stranger").await] {
        let metadata =
            refused(page(person, request(&tree.root)).await, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!(metadata["permission"], "acceptances.list");
        assert_eq!(metadata["resource"], tree.root);
    }
    // Those of another tree are not told under this one.
    let told = list(&admin, request(&tree.root)).await;
    assert_eq!(told.len(), 2);
    assert!(list(&admin, request(&other)).await.is_empty());
    let elsewhere = ListAcceptancesRequest { invitation: told[0].invitation.clone(), ..request(&other) };
    refused_fields(page(&admin, elsewhere).await, &["invitation"]);
    let bad = ListAcceptancesRequest {
        parent: "alpine".to_owned(),
        invitation: "x".to_owned(),
        page_size: -1,
        ..ListAcceptancesRequest::default()
    };
    refused_fields(page(&admin, bad).await, &["parent", "invitation", "page_size"]);
}
