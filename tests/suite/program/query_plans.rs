//! What checks and lists cost the database: among many communities and people, no statement reads a large table from one end to
//! the other, and a check is one statement.

mod observatory;
mod plans;
mod scene;

use sandbox::caller::As;
use sandbox::{Caller, current};
use usher_api::community::community_service_client::CommunityServiceClient;
use usher_api::community::{
    BatchCheckAccessRequest, CheckAccessRequest, CommunityKind, CommunityState, ExplainAccessRequest,
    GetMemberRequest, GetRoleUsageRequest, ListAccessibleCommunitiesRequest, ListCommunitiesRequest,
    ListEffectiveRolesRequest, ListMembersRequest, ListMembersWithAccessRequest, ListRolesRequest,
    MemberSource, MemberState,
};
use uuid::Uuid;

use self::observatory::Observatory;
use self::scene::Scene;

/// So often that PostgreSQL settles on the plan that it keeps for a prepared statement.
const OFTEN: usize = 10;
/// How many pages into a list is deep.
const DEEP: usize = 8;

type Client = CommunityServiceClient<As>;

#[tokio::test]
async fn no_question_reads_a_large_table_from_end_to_end() {
    let folder = current().folder.join(Uuid::new_v4().simple().to_string());
    std::fs::create_dir(&folder).unwrap();
    let mut observatory = Observatory::open(&folder).await;
    let scene = Scene::find(&observatory).await;
    let mut service = Caller::nobody_at(&observatory.suite.description).service("alerts").community();
    checks(&mut observatory, &scene, &mut service).await;
    explanations(&mut observatory, &scene, &mut service).await;
    lists_of_access(&mut observatory, &scene, &mut service).await;
    lists_of_members(&mut observatory, &scene, &mut service).await;
    lists_of_roles(&mut observatory, &scene, &mut service).await;
    lists_of_communities(&mut observatory, &scene).await;
    observatory.close();
}

fn check(user: &str, community: &str, permission: &str) -> CheckAccessRequest {
    CheckAccessRequest {
        user: user.to_owned(),
        community: community.to_owned(),
        permission: permission.to_owned(),
        consistency_token: String::new(),
        on_behalf_of: String::new(),
    }
}

/// Somebody who stands in some way to a community.
fn cases(scene: &Scene) -> [(&'static str, String, String); 4] {
    let nobody = format!("users/{}", Uuid::new_v4());
    let nowhere = format!("communities/{}", Uuid::new_v4());
    [
        ("a member", scene.member.clone(), scene.inside.clone()),
        ("somebody from above", scene.above.clone(), scene.inside.clone()),
        ("a stranger", nobody, scene.inside.clone()),
        ("a member in no community", scene.member.clone(), nowhere),
    ]
}

async fn checks(observatory: &mut Observatory, scene: &Scene, service: &mut Client) {
    for (who, user, place) in cases(scene) {
        for permission in ["communities.get", "members.delete"] {
            let what = format!("CheckAccess of {who} for {permission}");
            for _ in 0..OFTEN {
                let call = service.check_access(check(&user, &place, permission));
                observatory.one_statement(&what, call).await;
            }
        }
    }
    let himself = check(&scene.busy.name, &scene.inside, "communities.get");
    let mut busy = scene.busy.caller.community();
    observatory.one_statement("CheckAccess about oneself", busy.check_access(himself)).await;
    // He may list members where he is a member himself.
    let another = check(&scene.member, &scene.shared, "members.delete");
    observatory.one_statement("CheckAccess about another", busy.check_access(another)).await;
    for count in [1, 10, 100, 1_000] {
        let asked = scene.memberships.iter().take(count);
        let checks = asked.map(|(user, place)| check(user, place, "members.delete")).collect();
        let request = BatchCheckAccessRequest { checks, consistency_token: String::new() };
        let (what, call) = (format!("BatchCheckAccess of {count}"), service.batch_check_access(request));
        if count < 1_000 {
            observatory.one_statement(&what, call).await;
        } else {
            observatory.one_statement_about_many(&what, call).await;
        }
    }
}

async fn explanations(observatory: &mut Observatory, scene: &Scene, service: &mut Client) {
    for (who, user, place) in cases(scene) {
        let CheckAccessRequest { user, community, permission, consistency_token, .. } =
            check(&user, &place, "members.delete");
        let request = ExplainAccessRequest {
            user: user.clone(),
            community: community.clone(),
            permission,
            consistency_token,
            on_behalf_of: String::new(),
        };
        observatory.watch(&format!("ExplainAccess of {who}"), service.explain_access(request)).await;
        let request = ListEffectiveRolesRequest { user, community };
        let call = service.list_effective_roles(request);
        observatory.watch(&format!("ListEffectiveRoles of {who}"), call).await;
    }
}

async fn lists_of_access(observatory: &mut Observatory, scene: &Scene, service: &mut Client) {
    for (permission, page_size) in [("communities.get", 10), ("members.delete", 10), ("communities.get", 0)] {
        let mut request = ListAccessibleCommunitiesRequest {
            user: scene.busy.name.clone(),
            permission: permission.to_owned(),
            page_size,
            ..ListAccessibleCommunitiesRequest::default()
        };
        for page in 1..=DEEP {
            let what = format!("ListAccessibleCommunities for {permission}, page {page} of {page_size}");
            let call = service.list_accessible_communities(request.clone());
            request.page_token = observatory.watch(&what, call).await.into_inner().next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
    }
    for community in [&scene.large, &scene.inside, &scene.root] {
        for permission in ["communities.get", "members.delete"] {
            let mut request = ListMembersWithAccessRequest {
                community: community.clone(),
                permission: permission.to_owned(),
                page_size: 20,
                ..ListMembersWithAccessRequest::default()
            };
            for page in 1..=DEEP {
                let what = format!("ListMembersWithAccess for {permission} in {community}, page {page}");
                let call = service.list_members_with_access(request.clone());
                request.page_token = observatory.watch(&what, call).await.into_inner().next_page_token;
                if request.page_token.is_empty() {
                    break;
                }
            }
        }
    }
}

async fn lists_of_members(observatory: &mut Observatory, scene: &Scene, service: &mut Client) {
    let of = |parent: &String| ListMembersRequest { parent: parent.clone(), ..ListMembersRequest::default() };
    for parent in [&scene.large, &scene.inside, &scene.root] {
        for order in ["display_name", "display_name desc", "email", "create_time desc"] {
            let ordered = ListMembersRequest { order_by: order.to_owned(), page_size: 20, ..of(parent) };
            pages(observatory, &format!("ListMembers by {order} in {parent}"), service, ordered).await;
        }
        for (filter, filtered) in filters(scene, &of(parent)) {
            pages(observatory, &format!("ListMembers {filter} in {parent}"), service, filtered).await;
        }
        let search = ListMembersRequest { search: "mir".to_owned(), ..of(parent) };
        observatory.watch_search("ListMembers with a search", service.list_members(search)).await;
        let (_, user) = scene.member.rsplit_once('/').expect("names have an id");
        let request = GetMemberRequest { name: format!("{parent}/members/{user}") };
        if *parent == scene.inside {
            observatory.watch("GetMember", service.get_member(request)).await;
        }
    }
}

/// `request` with each of the filters.
fn filters(scene: &Scene, request: &ListMembersRequest) -> Vec<(&'static str, ListMembersRequest)> {
    let request = || ListMembersRequest { page_size: 20, ..request.clone() };
    let active = vec![MemberState::Active.into()];
    let suspended = vec![MemberState::Suspended.into()];
    let (direct, inherited) = (MemberSource::Direct.into(), MemberSource::Inherited.into());
    vec![
        ("who are active", ListMembersRequest { states: active, ..request() }),
        ("who are suspended", ListMembersRequest { states: suspended, ..request() }),
        ("who are members", ListMembersRequest { source: direct, ..request() }),
        ("who come from above", ListMembersRequest { source: inherited, ..request() }),
        ("who are guests", ListMembersRequest { role: "guest".to_owned(), ..request() }),
        ("who are admins", ListMembersRequest { role: "admin".to_owned(), ..request() }),
        ("with a custom role", ListMembersRequest { role: scene.role.clone(), ..request() }),
        ("without roles", ListMembersRequest { without_roles: true, ..request() }),
    ]
}

/// Lists to a deep page.
async fn pages(
    observatory: &mut Observatory,
    what: &str,
    service: &mut Client,
    mut request: ListMembersRequest,
) {
    for page in 1..=DEEP {
        let call = service.list_members(request.clone());
        let what = format!("{what}, page {page}");
        request.page_token = observatory.watch(&what, call).await.into_inner().next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
}

async fn lists_of_roles(observatory: &mut Observatory, scene: &Scene, service: &mut Client) {
    for parent in [&scene.large, &scene.inside, &scene.root] {
        let request =
            ListRolesRequest { parent: parent.clone(), page_size: 5, ..ListRolesRequest::default() };
        observatory.watch("ListRoles", service.list_roles(request.clone())).await;
        let request = ListRolesRequest { search: "lo".to_owned(), ..request };
        observatory.watch_search("ListRoles with a search", service.list_roles(request)).await;
        let request = GetRoleUsageRequest {
            name: format!("{parent}/roles/guest"),
            page_size: 5,
            ..GetRoleUsageRequest::default()
        };
        observatory.watch_search("GetRoleUsage of a built-in role", service.get_role_usage(request)).await;
    }
    let request = GetRoleUsageRequest { name: scene.role.clone(), ..GetRoleUsageRequest::default() };
    observatory.watch_search("GetRoleUsage of a custom role", service.get_role_usage(request)).await;
}

async fn lists_of_communities(observatory: &mut Observatory, scene: &Scene) {
    let page = || ListCommunitiesRequest { page_size: 10, ..ListCommunitiesRequest::default() };
    let inside = ListCommunitiesRequest { parent_community: scene.root.clone(), ..page() };
    let main = ListCommunitiesRequest { kind: CommunityKind::Mssp.into(), ..page() };
    let stopped = ListCommunitiesRequest { states: vec![CommunityState::Suspended.into()], ..page() };
    let newest = ListCommunitiesRequest { order_by: "create_time desc".to_owned(), ..page() };
    let all = [("", page()), ("inside", inside), ("main", main), ("suspended", stopped), ("newest", newest)];
    for (which, request) in all {
        for (person, show_all) in [(&scene.busy, false), (&scene.admin, true)] {
            let mut request = ListCommunitiesRequest { show_all, ..request.clone() };
            let mut caller = person.caller.community();
            for page in 1..=DEEP {
                let what = format!("ListCommunities {which}, all: {show_all}, page {page}");
                let call = caller.list_communities(request.clone());
                request.page_token = observatory.watch(&what, call).await.into_inner().next_page_token;
                if request.page_token.is_empty() {
                    break;
                }
            }
        }
    }
    let search = ListCommunitiesRequest { search: "north".to_owned(), ..page() };
    let mut busy = scene.busy.caller.community();
    observatory.watch_search("ListCommunities with a search", busy.list_communities(search)).await;
}
