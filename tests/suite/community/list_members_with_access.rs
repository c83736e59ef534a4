use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{ListMembersWithAccessRequest, ListMembersWithAccessResponse, PermissionCategory};

use super::{alone, enrol, holder, no_community, permission, somebody};
use crate::support::acts::{
    delete_community, reactivate_community, reactivate_member, remove_member, suspend_community,
    suspend_member, undelete_community,
};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, managed, mssp, role};

fn asking(community: &str, permission: &str) -> ListMembersWithAccessRequest {
    ListMembersWithAccessRequest {
        community: community.to_owned(),
        permission: permission.to_owned(),
        ..ListMembersWithAccessRequest::default()
    }
}

async fn list(
    caller: &Caller,
    request: ListMembersWithAccessRequest,
) -> Result<ListMembersWithAccessResponse, Status> {
    Ok(caller.community().list_members_with_access(request).await?.into_inner())
}

/// All who hold the permission in `community`, in the order of the list.
async fn holders(community: &str, permission: &str) -> Vec<String> {
    let answer = list(&Caller::nobody().service("alerts"), asking(community, permission)).await;
    let answer = answer.expect("the list comes");
    assert_eq!(answer.next_page_token, "");
    answer.users
}

fn sorted<'n>(names: impl IntoIterator<Item = &'n String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().cloned().collect();
    names.sort();
    names
}

#[tokio::test]
async fn lists_by_id_who_holds_a_permission_and_nobody_else() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let work = permission(PermissionCategory::Manage).await;
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let worker = role(&admin, root, &[&work]).await;
    let (everywhere, outside, inside, both, looker) =
        (somebody(), somebody(), somebody(), somebody(), somebody());
    enrol(&admin, root, &everywhere, vec![grant(root, &[&worker])]).await;
    enrol(&admin, root, &outside, vec![alone(root, &["analyst"])]).await;
    enrol(&admin, root, &inside, vec![grant(one, &["analyst"])]).await;
    enrol(&admin, root, &both, vec![grant(root, &["analyst"]), grant(one, &[&worker])]).await;
    enrol(&admin, root, &looker, vec![grant(root, &["guest"])]).await;

    let admin = &admin.name;
    assert_eq!(holders(root, &work).await, sorted([admin, &everywhere, &outside, &both]));
    // Who holds it twice is listed once.
    assert_eq!(holders(one, &work).await, sorted([admin, &everywhere, &inside, &both]));
    assert_eq!(holders(two, &work).await, sorted([admin, &everywhere, &both]));
    assert_eq!(holders(two, "communities.get").await, sorted([admin, &both, &looker]));
    assert_eq!(holders(two, "members.delete").await, [admin.clone()]);
}

#[tokio::test]
async fn leaves_out_who_is_stopped_and_all_where_the_community_is() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let (above, here) = (somebody(), somebody());
    enrol(&admin, root, &above, vec![grant(root, &["guest"])]).await;
    enrol(&admin, root, &here, vec![grant(inside, &["guest"])]).await;
    let found = || holders(inside, "communities.get");
    let all = sorted([&admin.name, &above, &here]);
    assert_eq!(found().await, all);

    suspend_member(&admin, root, &above).await;
    assert_eq!(found().await, sorted([&admin.name, &here]));
    reactivate_member(&admin, root, &above).await;
    suspend_member(&admin, inside, &here).await;
    assert_eq!(found().await, sorted([&admin.name, &above]));
    reactivate_member(&admin, inside, &here).await;
    for place in [inside, root] {
        suspend_community(&admin, place).await;
        assert!(found().await.is_empty());
        reactivate_community(&admin, place).await;
        delete_community(&admin, place).await;
        assert!(found().await.is_empty());
        undelete_community(&admin, place).await;
        assert_eq!(found().await, all);
    }
    remove_member(&admin, root, &above).await;
    assert_eq!(found().await, sorted([&admin.name, &here]));
}

#[tokio::test]
async fn pages_leave_nobody_out_and_bring_nobody_twice() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let mut people = vec![admin.name.clone()];
    for number in 0..9 {
        let (user, here, above) = (somebody(), grant(inside, &["guest", "analyst"]), grant(root, &["guest"]));
        let grants = [vec![here.clone()], vec![above.clone()], vec![here, above]];
        enrol(&admin, root, &user, grants[number % 3].clone()).await;
        people.push(user);
    }
    let (all, service) = (sorted(&people), Caller::nobody().service("alerts"));
    for page_size in [1, 3, 9, 10, 1_000] {
        let mut request = ListMembersWithAccessRequest { page_size, ..asking(inside, "communities.get") };
        let mut found = Vec::new();
        loop {
            let page = list(&service, request.clone()).await.unwrap();
            assert!(page.users.len() <= usize::try_from(page_size).unwrap());
            found.extend(page.users);
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
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let guest = holder(&admin, root, vec![grant(root, &["guest"])]).await;
    let service = Caller::nobody().service("alerts");
    let first = ListMembersWithAccessRequest { page_size: 1, ..asking(inside, "communities.get") };
    let page_token = list(&service, first.clone()).await.unwrap().next_page_token;
    let next = ListMembersWithAccessRequest { page_token: page_token.clone(), page_size: 5, ..first };
    assert_eq!(list(&service, next.clone()).await.unwrap().users.len(), 1);

    refused(list(&guest.caller, next.clone()).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    for crossed in [asking(inside, "members.list"), asking(root, "communities.get")] {
        let crossed = ListMembersWithAccessRequest { page_token: page_token.clone(), ..crossed };
        refused(list(&service, crossed).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }
    let forged = ListMembersWithAccessRequest { page_token: format!("{page_token}A"), ..next };
    refused(list(&service, forged).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn aliases_ask_for_what_they_stand_for() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = somebody();
    enrol(&admin, &place, &user, vec![grant(&place, &["manage_member"])]).await;
    assert_eq!(holders(&place, "COMMUNITY_ADD_MEMBER").await, sorted([&admin.name, &user]));
}

#[tokio::test]
async fn people_ask_where_they_may_list_members() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let guest = holder(&admin, root, vec![grant(one, &["guest"])]).await;
    let blind = role(&admin, one, &["communities.get"]).await;
    let blind = holder(&admin, root, vec![grant(one, &[&blind])]).await;
    let stranger = Person::new("stranger").await;
    let seen = list(&guest.caller, asking(one, "members.delete")).await.unwrap();
    assert_eq!(seen.users, [admin.name.clone()]);
    let nowhere = no_community();
    let attempts = [(&guest, root), (&guest, two), (&guest, &nowhere), (&blind, one), (&stranger, one)];
    for (person, place) in attempts {
        let answer = list(&person.caller, asking(place, "members.delete")).await;
        let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&*metadata["permission"], &metadata["resource"]), ("members.list", place));
    }
    let nobody = list(&Caller::nobody(), asking(one, "members.delete")).await;
    refused(nobody, Code::Unauthenticated, "TOKEN_MISSING");
}

#[tokio::test]
async fn nobody_holds_anything_where_there_is_no_community() {
    assert!(holders(&no_community(), "communities.get").await.is_empty());
}

#[tokio::test]
async fn an_unknown_permission_is_a_mistake_of_the_caller() {
    let admin = admin().await;
    let place = managed(&admin).await;
    for caller in [&admin.caller, &Caller::nobody().service("alerts")] {
        let answer = list(caller, asking(&place, "nothing.known")).await;
        let metadata = refused(answer, Code::InvalidArgument, "UNKNOWN_PERMISSION");
        assert_eq!(metadata["permission"], "nothing.known");
    }
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let service = Caller::nobody().service("alerts");
    let bad = ListMembersWithAccessRequest { page_size: -1, ..asking("northwind", "") };
    refused_fields(list(&service, bad).await, &["community", "permission", "page_size"]);
    refused_fields(list(&service, asking(&no_community(), "a\0b")).await, &["permission"]);
}
