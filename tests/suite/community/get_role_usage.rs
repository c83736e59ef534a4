use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{GetRoleUsageRequest, GetRoleUsageResponse};
use uuid::Uuid;

use super::{alone, denied, enrol, no_community, outsiders, somebody};
use crate::support::acts::{remove_member, suspend_member};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, managed, mssp, role};

fn request(name: &str) -> GetRoleUsageRequest {
    GetRoleUsageRequest { name: name.to_owned(), ..GetRoleUsageRequest::default() }
}

async fn usage(caller: &Caller, request: GetRoleUsageRequest) -> Result<GetRoleUsageResponse, Status> {
    Ok(caller.community().get_role_usage(request).await?.into_inner())
}

/// Where it is given, and to how many.
fn places(usage: &GetRoleUsageResponse) -> Vec<(&str, i64)> {
    usage.usages.iter().map(|usage| (usage.community.as_str(), usage.member_count)).collect()
}

#[tokio::test]
async fn counts_in_the_community_and_inside_it() {
    let admin = admin().await;
    let (tree, other) = (mssp(&admin, 3).await, managed(&admin).await);
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let name = role(&admin, root, &["communities.get"]).await;
    let (a, b, c) = (somebody(), somebody(), somebody());
    // The same role in both ways of reaching is given to one person once.
    enrol(&admin, root, &a, vec![grant(root, &[&name])]).await;
    enrol(&admin, root, &a, vec![alone(root, &[&name])]).await;
    enrol(&admin, root, &b, vec![grant(one, &[&name, "guest"]), grant(two, &[&name])]).await;
    enrol(&admin, root, &c, vec![grant(one, &[&name])]).await;
    suspend_member(&admin, one, &c).await;
    enrol(&admin, &other, &c, vec![grant(&other, &["guest"])]).await;

    let mut expected = vec![(root.as_str(), 1), (one.as_str(), 2), (two.as_str(), 1)];
    expected.sort_unstable();
    let all = usage(&admin.caller, request(&name)).await.unwrap();
    assert_eq!((places(&all), all.total_member_count), (expected.clone(), 4));
    let alias = format!("{one}/roles/{}", name.rsplit('/').next().unwrap());
    let inside = usage(&admin.caller, request(&alias)).await.unwrap();
    assert_eq!((places(&inside), inside.total_member_count), (vec![(one.as_str(), 2)], 2));
    let guests = usage(&admin.caller, request(&format!("{root}/roles/guest"))).await.unwrap();
    assert_eq!(places(&guests), [(one.as_str(), 1)]);

    let (mut paged, mut asked) = (Vec::new(), GetRoleUsageRequest { page_size: 1, ..request(&name) });
    loop {
        let page = usage(&admin.caller, asked.clone()).await.unwrap();
        assert_eq!((page.usages.len(), page.total_member_count), (1, 4));
        paged.extend(page.usages.into_iter().map(|usage| (usage.community, usage.member_count)));
        asked.page_token = page.next_page_token;
        if asked.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged.iter().map(|(place, count)| (place.as_str(), *count)).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn whoever_sees_roles_there_sees_it() {
    let admin = admin().await;
    let (tree, nowhere) = (mssp(&admin, 2).await, no_community());
    let place = &tree.inside[0];
    let name = role(&admin, place, &["communities.get"]).await;
    let [member, beside, stranger] = outsiders(&admin, &tree).await;
    for caller in [&member.caller, &Caller::nobody().service("alerts")] {
        assert_eq!(usage(caller, request(&name)).await.unwrap().total_member_count, 0);
    }
    for person in [&beside, &stranger] {
        denied(usage(&person.caller, request(&name)).await, "roles.list", place);
    }
    for other in [&tree.root, &nowhere] {
        denied(usage(&member.caller, request(&format!("{other}/roles/guest"))).await, "roles.list", other);
    }
    let unknown = format!("{place}/roles/{}", Uuid::new_v4());
    let answer = usage(&member.caller, request(&unknown)).await;
    assert_eq!(refused(answer, Code::NotFound, "ROLE_NOT_FOUND")["role"], unknown);
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let bad = GetRoleUsageRequest { page_size: -1, ..request("guest") };
    refused_fields(usage(&admin.caller, bad).await, &["name", "page_size"]);
    let place = managed(&admin).await;
    let name = format!("{place}/roles/guest");
    let forged = GetRoleUsageRequest { page_token: "forged".to_owned(), ..request(&name) };
    refused(usage(&admin.caller, forged).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn who_was_removed_or_lost_it_is_not_counted() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let name = role(&admin, root, &["communities.get"]).await;
    let (gone, other) = (somebody(), somebody());
    enrol(&admin, root, &gone, vec![grant(root, &[&name]), grant(inside, &[&name])]).await;
    enrol(&admin, root, &other, vec![grant(inside, &[&name])]).await;
    assert_eq!(usage(&admin.caller, request(&name)).await.unwrap().total_member_count, 3);
    remove_member(&admin, root, &gone).await;
    remove_member(&admin, inside, &other).await;
    let left = usage(&admin.caller, request(&name)).await.unwrap();
    assert_eq!((places(&left), left.total_member_count), (vec![(inside.as_str(), 1)], 1));
}

#[tokio::test]
async fn a_page_token_serves_its_own_role_only() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let grants = vec![grant(&tree.root, &["guest"]), grant(&tree.inside[0], &["guest"])];
    enrol(&admin, &tree.root, &somebody(), grants).await;
    let first = GetRoleUsageRequest { page_size: 1, ..request(&format!("{}/roles/guest", tree.root)) };
    let page_token = usage(&admin.caller, first.clone()).await.unwrap().next_page_token;
    let next = GetRoleUsageRequest { page_token, ..first };
    let elsewhere = GetRoleUsageRequest { name: format!("{}/roles/analyst", tree.root), ..next.clone() };
    refused(usage(&admin.caller, elsewhere).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let service = Caller::nobody().service("alerts");
    refused(usage(&service, next.clone()).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    assert_eq!(usage(&admin.caller, next).await.unwrap().usages.len(), 1);
}
