use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{
    Community, CommunityKind, CreateCommunityRequest, ListCommunitiesRequest, ListCommunitiesResponse,
};

use super::{alone, enrol, holder, no_community};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{community, grant, managed, mssp};

async fn list(person: &Person, request: ListCommunitiesRequest) -> Result<ListCommunitiesResponse, Status> {
    Ok(person.caller.community().list_communities(request).await?.into_inner())
}

/// The names of all communities that the person reaches, below `parent` if one is named, sorted.
async fn reached(person: &Person, parent: &str) -> Vec<String> {
    let request =
        ListCommunitiesRequest { parent_community: parent.to_owned(), ..ListCommunitiesRequest::default() };
    let answer = list(person, request).await.expect("the list comes");
    sorted(answer.communities.into_iter().map(|community| community.name))
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort();
    names
}

#[tokio::test]
async fn lists_what_a_person_reaches_and_nothing_else() {
    let admin = admin().await;
    let (tree, plain) = (mssp(&admin, 3).await, managed(&admin).await);
    let person = Person::new("person").await;
    assert!(reached(&person, "").await.is_empty());

    enrol(
        &admin,
        &tree.root,
        &person.name,
        vec![grant(&tree.inside[0], &["guest"]), grant(&tree.inside[2], &["guest"])],
    )
    .await;
    enrol(&admin, &plain, &person.name, vec![grant(&plain, &["guest"])]).await;
    let inside = sorted([tree.inside[0].clone(), tree.inside[2].clone()]);
    assert_eq!(reached(&person, &tree.root).await, inside);
    assert_eq!(reached(&person, "").await, sorted(inside.into_iter().chain([plain.clone()])));
    assert!(reached(&person, &plain).await.is_empty());
    assert!(reached(&person, &no_community()).await.is_empty());
}

#[tokio::test]
async fn a_member_of_an_mssp_reaches_all_inside_those_made_later_included() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let everywhere = holder(&admin, &tree.root, vec![grant(&tree.root, &["guest"])]).await;
    let outer = holder(&admin, &tree.root, vec![alone(&tree.root, &["admin"])]).await;
    let later = community(&admin, CommunityKind::Managed, &tree.root).await;
    let all = sorted([tree.root.clone(), tree.inside[0].clone(), later]);
    assert_eq!(reached(&everywhere, "").await, all);
    assert_eq!(reached(&outer, "").await, [tree.root.clone()]);
    assert!(reached(&outer, &tree.root).await.is_empty());
}

#[tokio::test]
async fn pages_follow_the_display_name() {
    let admin = admin().await;
    let root = community(&admin, CommunityKind::Mssp, "").await;
    for display_name in ["Meadow Clinics", "Alpine Bank", "Harbour Logistics", "Alpine Bank"] {
        let made = Community {
            kind: CommunityKind::Managed.into(),
            parent_community: root.clone(),
            display_name: display_name.to_owned(),
            ..Community::default()
        };
        let request = CreateCommunityRequest { community: Some(made), request_id: String::new() };
        admin.caller.community().create_community(request).await.unwrap();
    }
    let (mut names, mut ids, mut token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let request =
            ListCommunitiesRequest { page_size: 1, page_token: token, parent_community: root.clone() };
        let page = list(&admin, request).await.unwrap();
        assert_eq!(page.communities.len(), 1);
        names.extend(page.communities.iter().map(|community| community.display_name.clone()));
        ids.extend(page.communities.into_iter().map(|community| community.name));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["Alpine Bank", "Alpine Bank", "Harbour Logistics", "Meadow Clinics"]);
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn a_page_token_serves_its_own_list_and_caller_only() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let other = holder(&admin, &tree.root, vec![grant(&tree.root, &["guest"])]).await;
    let first = ListCommunitiesRequest {
        page_size: 1,
        page_token: String::new(),
        parent_community: tree.root.clone(),
    };
    let token = list(&admin, first.clone()).await.unwrap().next_page_token;
    let next = ListCommunitiesRequest { page_token: token.clone(), page_size: 5, ..first };
    assert_eq!(list(&admin, next.clone()).await.unwrap().communities.len(), 1);

    refused(list(&other, next.clone()).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let elsewhere = ListCommunitiesRequest { parent_community: String::new(), ..next.clone() };
    refused(list(&admin, elsewhere).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let forged = ListCommunitiesRequest { page_token: format!("{token}A"), ..next };
    refused(list(&admin, forged).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let bad = ListCommunitiesRequest {
        page_size: -1,
        page_token: String::new(),
        parent_community: "northwind".to_owned(),
    };
    refused_fields(list(&admin, bad).await, &["page_size", "parent_community"]);
    let answer = Caller::nobody()
        .service("alerts")
        .community()
        .list_communities(ListCommunitiesRequest::default())
        .await;
    refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}
