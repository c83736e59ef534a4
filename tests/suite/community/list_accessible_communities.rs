use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{
    CommunityKind, ListAccessibleCommunitiesRequest, ListAccessibleCommunitiesResponse, PermissionCategory,
};

use super::{alone, enrol, holder, permission, somebody};
use crate::support::acts::{
    delete_community, reactivate_community, reactivate_member, remove_member, suspend_community,
    suspend_member,
};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{Tree, community, grant, managed, mssp, role};

fn asking(user: &str, permission: &str) -> ListAccessibleCommunitiesRequest {
    ListAccessibleCommunitiesRequest {
        user: user.to_owned(),
        permission: permission.to_owned(),
        ..ListAccessibleCommunitiesRequest::default()
    }
}

async fn list(
    caller: &Caller,
    request: ListAccessibleCommunitiesRequest,
) -> Result<ListAccessibleCommunitiesResponse, Status> {
    Ok(caller.community().list_accessible_communities(request).await?.into_inner())
}

/// All communities in which `user` holds the permission, in the order of the list.
async fn reached(user: &str, permission: &str) -> Vec<String> {
    let answer = list(&Caller::nobody().service("alerts"), asking(user, permission)).await;
    let answer = answer.expect("the list comes");
    assert_eq!(answer.next_page_token, "");
    answer.communities
}

fn sorted<'n>(names: impl IntoIterator<Item = &'n String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().cloned().collect();
    names.sort();
    names
}

impl Tree {
    fn all(&self) -> Vec<String> {
        sorted(self.inside.iter().chain([&self.root]))
    }
}

#[tokio::test]
async fn lists_by_id_where_a_person_holds_a_permission_and_nothing_else() {
    let admin = admin().await;
    let (tree, plain, other) = (mssp(&admin, 3).await, managed(&admin).await, managed(&admin).await);
    let work = permission(PermissionCategory::Manage).await;
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let worker = role(&admin, root, &[&work]).await;
    let user = somebody();
    assert!(reached(&user, &work).await.is_empty());

    enrol(&admin, root, &user, vec![grant(one, &["analyst"]), grant(two, &["guest"])]).await;
    enrol(&admin, &plain, &user, vec![grant(&plain, &["analyst"])]).await;
    enrol(&admin, &other, &user, vec![grant(&other, &["guest"])]).await;
    assert_eq!(reached(&user, &work).await, sorted([one, &plain]));
    assert_eq!(reached(&user, "communities.get").await, sorted([one, two, &plain, &other]));
    enrol(&admin, root, &user, vec![alone(root, &["analyst"])]).await;
    assert_eq!(reached(&user, &work).await, sorted([root, one, &plain]));
    // Where it is held twice, it is listed once.
    enrol(&admin, root, &user, vec![grant(root, &[&worker])]).await;
    assert_eq!(reached(&user, &work).await, sorted(tree.all().iter().chain([&plain])));
    assert!(reached(&user, "members.delete").await.is_empty());
}

#[tokio::test]
async fn a_community_made_later_is_reached_from_above() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (everywhere, inside) = (somebody(), somebody());
    enrol(&admin, &tree.root, &everywhere, vec![grant(&tree.root, &["guest"])]).await;
    enrol(&admin, &tree.root, &inside, vec![grant(&tree.inside[0], &["guest"])]).await;
    let later = community(&admin, CommunityKind::Managed, &tree.root).await;
    let all = sorted([&tree.root, &tree.inside[0], &later]);
    assert_eq!(reached(&everywhere, "communities.get").await, all);
    assert_eq!(reached(&inside, "communities.get").await, [tree.inside[0].clone()]);
}

#[tokio::test]
async fn leaves_out_where_the_person_or_the_community_is_stopped() {
    let admin = admin().await;
    let tree = mssp(&admin, 3).await;
    let (root, one, two, three) = (&tree.root, &tree.inside[0], &tree.inside[1], &tree.inside[2]);
    let user = somebody();
    enrol(&admin, root, &user, vec![grant(root, &["guest"]), grant(one, &["guest"])]).await;
    let reached = || reached(&user, "communities.get");
    suspend_community(&admin, two).await;
    delete_community(&admin, three).await;
    assert_eq!(reached().await, sorted([root, one]));
    suspend_member(&admin, root, &user).await;
    assert_eq!(reached().await, [one.clone()]);
    suspend_community(&admin, root).await;
    assert!(reached().await.is_empty());
    reactivate_community(&admin, root).await;
    reactivate_member(&admin, root, &user).await;
    reactivate_community(&admin, two).await;
    assert_eq!(reached().await, sorted([root, one, two]));
    remove_member(&admin, root, &user).await;
    assert_eq!(reached().await, [one.clone()]);
}

#[tokio::test]
async fn pages_leave_nothing_out_and_bring_nothing_twice() {
    let admin = admin().await;
    let (tree, plain) = (mssp(&admin, 5).await, managed(&admin).await);
    let user = somebody();
    enrol(&admin, &tree.root, &user, vec![grant(&tree.root, &["guest"]), grant(&tree.inside[2], &["guest"])])
        .await;
    enrol(&admin, &plain, &user, vec![grant(&plain, &["guest"])]).await;
    let all = sorted(tree.all().iter().chain([&plain]));
    let service = Caller::nobody().service("alerts");
    for page_size in [1, 2, 3, 7, 1_000] {
        let mut request = ListAccessibleCommunitiesRequest { page_size, ..asking(&user, "communities.get") };
        let mut found = Vec::new();
        loop {
            let page = list(&service, request.clone()).await.unwrap();
            assert!(page.communities.len() <= usize::try_from(page_size).unwrap());
            found.extend(page.communities);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert_eq!(found, all, "by {page_size}");
    }
}

#[tokio::test]
async fn a_page_token_serves_its_own_list_and_caller_only() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let guest = holder(&admin, &tree.root, vec![grant(&tree.root, &["guest"])]).await;
    let service = Caller::nobody().service("alerts");
    let first = ListAccessibleCommunitiesRequest { page_size: 1, ..asking(&guest.name, "communities.get") };
    let page_token = list(&service, first.clone()).await.unwrap().next_page_token;
    let next = ListAccessibleCommunitiesRequest { page_token: page_token.clone(), page_size: 5, ..first };
    assert_eq!(list(&service, next.clone()).await.unwrap().communities.len(), 2);

    refused(list(&guest.caller, next.clone()).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let other = Caller::nobody().service("notifier");
    refused(list(&other, next.clone()).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    for crossed in [asking(&guest.name, "members.list"), asking(&admin.name, "communities.get")] {
        let crossed = ListAccessibleCommunitiesRequest { page_token: page_token.clone(), ..crossed };
        refused(list(&service, crossed).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }
    let forged = ListAccessibleCommunitiesRequest { page_token: format!("{page_token}A"), ..next };
    refused(list(&service, forged).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn aliases_ask_for_what_they_stand_for() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = somebody();
    enrol(&admin, &place, &user, vec![grant(&place, &["manage_member"])]).await;
    assert_eq!(reached(&user, "COMMUNITY_ADD_MEMBER").await, [place]);
}

#[tokio::test]
async fn people_ask_about_themselves_only() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let boss = holder(&admin, &place, vec![grant(&place, &["admin"])]).await;
    let guest = holder(&admin, &place, vec![grant(&place, &["guest"])]).await;
    let stranger = Person::new("stranger").await;
    let own = list(&guest.caller, asking(&guest.name, "communities.get")).await.unwrap();
    assert_eq!(own.communities, [place]);
    let own = list(&stranger.caller, asking(&stranger.name, "communities.get")).await.unwrap();
    assert!(own.communities.is_empty());
    // Not even somebody who sees all that the other may do there.
    for (caller, user) in
        [(&boss, &guest.name), (&guest, &boss.name), (&admin, &guest.name), (&guest, &somebody())]
    {
        let answer = list(&caller.caller, asking(user, "communities.get")).await;
        let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!(&metadata["resource"], user);
    }
    let nobody = list(&Caller::nobody(), asking(&guest.name, "communities.get")).await;
    refused(nobody, Code::Unauthenticated, "TOKEN_MISSING");
}

#[tokio::test]
async fn an_unknown_permission_is_a_mistake_of_the_caller() {
    let service = Caller::nobody().service("alerts");
    let answer = list(&service, asking(&somebody(), "nothing.known")).await;
    let metadata = refused(answer, Code::InvalidArgument, "UNKNOWN_PERMISSION");
    assert_eq!(metadata["permission"], "nothing.known");
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let service = Caller::nobody().service("alerts");
    let bad = ListAccessibleCommunitiesRequest { page_size: -1, ..asking("mira", "") };
    refused_fields(list(&service, bad).await, &["user", "permission", "page_size"]);
    refused_fields(list(&service, asking(&somebody(), "a\0b")).await, &["permission"]);
}
