use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{
    Community, CommunityKind, CommunityState, CreateCommunityRequest, LeaveCommunityRequest,
    ListCommunitiesRequest, ListCommunitiesResponse,
};

use super::{alone, enrol, holder, no_community};
use crate::support::acts::{delete_community, suspend_community};
use crate::support::address;
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
        let request = ListCommunitiesRequest {
            page_size: 1,
            page_token: token,
            parent_community: root.clone(),
            ..ListCommunitiesRequest::default()
        };
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
        ..ListCommunitiesRequest::default()
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
        ..ListCommunitiesRequest::default()
    };
    refused_fields(list(&admin, bad).await, &["page_size", "parent_community"]);
    let answer = Caller::nobody()
        .service("alerts")
        .community()
        .list_communities(ListCommunitiesRequest::default())
        .await;
    refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}

/// A managed community inside `root`, called so.
async fn called(admin: &Person, root: &str, display_name: &str, description: &str) -> String {
    let made = Community {
        kind: CommunityKind::Managed.into(),
        parent_community: root.to_owned(),
        display_name: display_name.to_owned(),
        description: description.to_owned(),
        ..Community::default()
    };
    let request = CreateCommunityRequest { community: Some(made), request_id: String::new() };
    let answer = admin.caller.community().create_community(request).await.unwrap();
    answer.into_inner().community.unwrap().name
}

/// The names of all pages of `request`, with pages of one.
async fn paged(actor: &Person, request: ListCommunitiesRequest) -> Vec<String> {
    let (mut names, mut asked) = (Vec::new(), ListCommunitiesRequest { page_size: 1, ..request });
    loop {
        let page = list(actor, asked.clone()).await.unwrap();
        names.extend(page.communities.into_iter().map(|community| community.name));
        asked.page_token = page.next_page_token;
        if asked.page_token.is_empty() {
            return names;
        }
    }
}

#[tokio::test]
async fn orders_by_name_or_age_either_way() {
    let admin = admin().await;
    let root = community(&admin, CommunityKind::Mssp, "").await;
    let mut made = Vec::new();
    for display_name in ["zinc", "Äther", "Alpine", "zinc", "alpine"] {
        made.push(called(&admin, &root, display_name, "").await);
    }
    // In the order of the bytes of names without case, on every database; of equal names, by age.
    let by_name = [2, 4, 0, 3, 1].map(|place: usize| made[place].clone());
    let asked = |order_by: &str| ListCommunitiesRequest {
        parent_community: root.clone(),
        order_by: order_by.to_owned(),
        ..ListCommunitiesRequest::default()
    };
    for (order_by, expected) in
        [("", by_name.to_vec()), ("display_name", by_name.to_vec()), ("create_time", made)]
    {
        assert_eq!(paged(&admin, asked(order_by)).await, expected, "{order_by}");
        if !order_by.is_empty() {
            let mut back = paged(&admin, asked(&format!("{order_by} desc"))).await;
            back.reverse();
            assert_eq!(back, expected, "{order_by} desc");
        }
    }
    refused_fields(list(&admin, asked("name")).await, &["order_by"]);
}

#[tokio::test]
async fn finds_by_name_and_description_whatever_the_text_consists_of() {
    let admin = admin().await;
    let root = community(&admin, CommunityKind::Mssp, "").await;
    let percent = called(&admin, &root, "100% Näh", "").await;
    let under = called(&admin, &root, "a_b", "looks after BANKS").await;
    let plain = called(&admin, &root, "axb 1000", "").await;
    let cases = [
        ("0%", vec![&percent]),
        ("a_b", vec![&under]),
        ("NÄH", vec![&percent]),
        ("NA\u{308}H", vec![&percent]),
        ("banks", vec![&under]),
        ("100", vec![&percent, &plain]),
        ("\\", vec![]),
        ("nothing", vec![]),
    ];
    for (search, expected) in cases {
        let request = ListCommunitiesRequest {
            parent_community: root.clone(),
            search: search.to_owned(),
            ..ListCommunitiesRequest::default()
        };
        assert_eq!(paged(&admin, request).await.iter().collect::<Vec<_>>(), expected, "{search}");
    }
    let long = ListCommunitiesRequest { search: "x".repeat(101), ..ListCommunitiesRequest::default() };
    refused_fields(list(&admin, long).await, &["search"]);
}

#[tokio::test]
async fn filters_by_kind_and_state() {
    let admin = admin().await;
    let person = Person::new("mira").await;
    let (tree, plain) = (mssp(&admin, 2).await, managed(&admin).await);
    enrol(&admin, &tree.root, &person.name, vec![grant(&tree.root, &["guest"])]).await;
    enrol(&admin, &plain, &person.name, vec![grant(&plain, &["guest"])]).await;
    suspend_community(&admin, &plain).await;
    delete_community(&admin, &tree.inside[0]).await;
    let asked = |kind: CommunityKind, states: &[CommunityState]| ListCommunitiesRequest {
        kind: kind.into(),
        states: states.iter().map(|state| (*state).into()).collect(),
        ..ListCommunitiesRequest::default()
    };
    let any = CommunityKind::Unspecified;
    let cases = [
        (asked(any, &[]), vec![&tree.root, &tree.inside[1], &plain]),
        (asked(CommunityKind::Mssp, &[]), vec![&tree.root]),
        (asked(CommunityKind::Managed, &[]), vec![&tree.inside[1], &plain]),
        (asked(any, &[CommunityState::Suspended]), vec![&plain]),
        (asked(any, &[CommunityState::Deleted]), vec![&tree.inside[0]]),
        (asked(any, &[CommunityState::Deleted, CommunityState::Suspended]), vec![&tree.inside[0], &plain]),
        (asked(CommunityKind::Mssp, &[CommunityState::Deleted]), vec![]),
    ];
    for (request, mut expected) in cases {
        let mut found = paged(&person, request.clone()).await;
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{request:?}");
    }
    let bad = ListCommunitiesRequest { kind: 77, states: vec![0], ..ListCommunitiesRequest::default() };
    refused_fields(list(&person, bad).await, &["kind", "states[0]"]);
}

#[tokio::test]
async fn only_platform_administrators_see_all() {
    let admin = admin().await;
    let maker = Person::new("maker").await;
    let tree = mssp(&admin, 1).await;
    enrol(&admin, &tree.root, &maker.name, vec![grant(&tree.root, &["admin"])]).await;
    let hidden = called(&maker, &tree.root, &address("hidden"), "").await;
    leave(&admin, &tree.root).await;
    let asked = |show_all| ListCommunitiesRequest {
        parent_community: tree.root.clone(),
        show_all,
        ..ListCommunitiesRequest::default()
    };
    assert!(paged(&admin, asked(false)).await.is_empty());
    let mut all = paged(&admin, asked(true)).await;
    all.sort_unstable();
    let mut expected = [hidden, tree.inside[0].clone()];
    expected.sort_unstable();
    assert_eq!(all, expected);
    let answer = list(&maker, asked(true)).await;
    let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!((&*metadata["permission"], &*metadata["resource"]), ("communities.get", "communities"));
}

async fn leave(person: &Person, name: &str) {
    let request = LeaveCommunityRequest { name: name.to_owned(), ..LeaveCommunityRequest::default() };
    person.caller.community().leave_community(request).await.expect("somebody else administers it");
}

#[tokio::test]
async fn the_filter_goes_by_a_communitys_own_state_and_the_list_tells_both() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    suspend_community(&admin, &tree.root).await;
    let asked = |state: CommunityState| ListCommunitiesRequest {
        parent_community: tree.root.clone(),
        states: vec![state.into()],
        ..ListCommunitiesRequest::default()
    };
    assert!(paged(&admin, asked(CommunityState::Suspended)).await.is_empty());
    let found = list(&admin, asked(CommunityState::Active)).await.unwrap().communities;
    assert_eq!((found.len(), &found[0].name), (1, &tree.inside[0]));
    assert_eq!(
        (found[0].state(), found[0].effective_state()),
        (CommunityState::Active, CommunityState::Suspended)
    );
}

#[tokio::test]
async fn a_page_token_serves_its_own_filter_and_order_only() {
    let admin = admin().await;
    let tree = mssp(&admin, 3).await;
    let first = ListCommunitiesRequest {
        page_size: 1,
        parent_community: tree.root.clone(),
        ..ListCommunitiesRequest::default()
    };
    let page_token = list(&admin, first.clone()).await.unwrap().next_page_token;
    let next = ListCommunitiesRequest { page_token, ..first };
    let others = [
        ListCommunitiesRequest { kind: CommunityKind::Managed.into(), ..next.clone() },
        ListCommunitiesRequest { states: vec![CommunityState::Active.into()], ..next.clone() },
        ListCommunitiesRequest { search: "community".to_owned(), ..next.clone() },
        ListCommunitiesRequest { order_by: "display_name desc".to_owned(), ..next.clone() },
        ListCommunitiesRequest { order_by: "create_time".to_owned(), ..next.clone() },
        ListCommunitiesRequest { show_all: true, ..next.clone() },
    ];
    for other in others {
        refused(list(&admin, other).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }
    assert_eq!(list(&admin, next).await.unwrap().communities.len(), 1);
}
