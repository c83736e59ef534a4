//! The community service, one file for each RPC.

mod apply_grants;
mod assess_grants;
mod batch_check_access;
mod check_access;
mod check_grants;
mod consistency_token;
mod create_api_key;
mod create_community;
mod create_connection;
mod create_member;
mod create_role;
mod create_service_account;
mod crossed_ids;
mod deactivate_user;
mod delete_community;
mod delete_connection;
mod delete_member;
mod delete_role;
mod delete_service_account;
mod delete_user;
mod deregister_permissions;
mod describe_grants;
mod explain_access;
mod get_api_key;
mod get_community;
mod get_community_image;
mod get_community_settings;
mod get_connection;
mod get_member;
mod get_role;
mod get_role_usage;
mod get_service_account;
mod last_administrator;
mod leave_community;
mod list_accessible_communities;
mod list_api_keys;
mod list_communities;
mod list_connections;
mod list_effective_roles;
mod list_members;
mod list_members_with_access;
mod list_permissions;
mod list_roles;
mod list_service_accounts;
mod lost_authority;
mod programs;
mod random_trees;
mod reactivate_community;
mod reactivate_member;
mod reactivate_user;
mod register_permissions;
mod release_seats;
mod reset_member_two_factor;
mod revoke_api_key;
mod suspend_community;
mod suspend_member;
mod undelete_community;
mod undelete_user;
mod update_api_key;
mod update_community;
mod update_community_image;
mod update_community_settings;
mod update_connection;
mod update_member;
mod update_role;
mod update_service_account;
mod update_service_account_access;

use std::fmt::Debug;
use std::time::Duration;

use sandbox::{Caller, Service, until};
use sea_orm::{ConnectionTrait as _, Statement};
use tonic::{Code, Status};
use usher_api::community::apply_grants_response::Decision;
use usher_api::community::{
    ApplyGrantsRequest, CommunitySettings, CreateMemberRequest, EffectiveRole, GetMemberRequest,
    GetRoleRequest, Grant, Inheritance, LeaveCommunityRequest, Member, MemberState, Permission,
    PermissionCategory, RegisterPermissionsRequest, Role, UpdateCommunitySettingsRequest,
};
use uuid::Uuid;

use crate::support::acts::member_name;
use crate::support::people::{Person, account};
use crate::support::refusal::refused;
use crate::support::rows::{age_account, age_membership, age_person, database};
use crate::support::tree::{Tree, grant};
use crate::support::{address, request_id};

/// A community that does not exist.
fn no_community() -> String {
    format!("communities/{}", Uuid::new_v4())
}

/// Somebody whom the community service has only heard of. It does not know accounts.
pub fn somebody() -> String {
    format!("users/{}", Uuid::new_v4())
}

/// The grant in the community alone.
fn alone(community: &str, roles: &[&str]) -> Grant {
    Grant { inheritance: Inheritance::Self_.into(), ..grant(community, roles) }
}

/// The invitation service, which applies grants.
fn invitation_service() -> Caller {
    Caller::nobody().service("invitation")
}

/// A request to make `invitee` a member by an invitation of `inviter` under `root`.
fn application(root: &str, inviter: &str, invitee: &str, grants: Vec<Grant>) -> ApplyGrantsRequest {
    ApplyGrantsRequest {
        invitation: format!("{root}/invitations/{}", Uuid::new_v4()),
        inviter: inviter.to_owned(),
        invitee: invitee.to_owned(),
        grants,
        request_id: request_id(),
        ..ApplyGrantsRequest::default()
    }
}

/// What became of the application.
async fn decide(application: ApplyGrantsRequest) -> Decision {
    let answer = invitation_service().community().apply_grants(application).await;
    answer.expect("it is decided").into_inner().decision.expect("there is a decision")
}

/// Makes `user` a member as if he had accepted an invitation of `inviter`.
pub async fn enrol(inviter: &Person, root: &str, user: &str, grants: Vec<Grant>) {
    let decision = decide(application(root, &inviter.name, user, grants)).await;
    assert!(matches!(decision, Decision::Applied(_)), "{decision:?}");
}

/// Ends one's own membership.
async fn leave(person: &Person, community: &str) {
    let request = LeaveCommunityRequest { name: community.to_owned(), ..LeaveCommunityRequest::default() };
    person.caller.community().leave_community(request).await.expect("he may go");
}

/// A person with an account who has these roles in `community` of the tree of `root`.
async fn holder(admin: &Person, root: &str, grants: Vec<Grant>) -> Person {
    let person = Person::new("holder").await;
    enrol(admin, root, &person.name, grants).await;
    person
}

/// Registers a permission of the service `alerts` that no other test uses, and returns its name.
async fn permission(category: PermissionCategory) -> String {
    let name = format!("t{}.do", Uuid::new_v4().simple());
    register("alerts", &name, category).await.expect("the permission is registered");
    name
}

async fn register(
    service: &str,
    name: &str,
    category: PermissionCategory,
) -> Result<Vec<Permission>, tonic::Status> {
    let description = "Something that a test checks.".to_owned();
    let permission =
        Permission { name: name.to_owned(), category: category.into(), description, service: String::new() };
    let request = RegisterPermissionsRequest { permissions: vec![permission] };
    let answer = Caller::nobody().service(service).community().register_permissions(request).await?;
    Ok(answer.into_inner().permissions)
}

/// Whether the user holds the permission in the community, as a service learns it.
pub async fn may(user: &str, community: &str, permission: &str) -> bool {
    let request = usher_api::community::CheckAccessRequest {
        user: user.to_owned(),
        community: community.to_owned(),
        permission: permission.to_owned(),
        consistency_token: String::new(),
        on_behalf_of: String::new(),
    };
    let answer = Caller::nobody().service("alerts").community().check_access(request).await;
    answer.expect("the check is answered").into_inner().allowed
}

/// Roles as requests about members name them.
fn given(roles: &[&str]) -> Vec<EffectiveRole> {
    roles.iter().map(|role| EffectiveRole { role: (*role).to_owned(), ..EffectiveRole::default() }).collect()
}

/// The names of roles, sorted.
fn names(roles: &[EffectiveRole]) -> Vec<&str> {
    let mut names: Vec<&str> = roles.iter().map(|role| role.role.as_str()).collect();
    names.sort_unstable();
    names
}

/// Makes `user`, who has an account, a member without asking him.
async fn add(actor: &Person, community: &str, user: &str, roles: &[&str]) -> Member {
    let member = Member { user: user.to_owned(), roles: given(roles), ..Member::default() };
    let request = CreateMemberRequest {
        parent: community.to_owned(),
        member: Some(member),
        ..CreateMemberRequest::default()
    };
    let answer = actor.caller.community().create_member(request).await;
    answer.expect("he is made a member").into_inner().member.expect("it comes")
}

/// The person in the community as services see him. `None` if he is no member and does not reach it from above. Without what changes
/// by itself while other tests run: his permissions, which follow the catalogue, and when he was seen last.
async fn seen(community: &str, user: &str) -> Option<Member> {
    let request = GetMemberRequest { name: member_name(community, user) };
    match Caller::nobody().service("alerts").community().get_member(request).await {
        Ok(answer) => {
            let member = answer.into_inner().member.expect("it comes");
            Some(Member { permissions: Vec::new(), last_seen_time: None, ..member })
        }
        Err(status) => {
            assert_eq!(status.code(), Code::NotFound, "{status:?}");
            None
        }
    }
}

/// Changes those settings of a community that are set in `settings`.
async fn ask_of_members(actor: &Person, community: &str, settings: CommunitySettings) {
    let settings = CommunitySettings { name: format!("{community}/settings"), ..settings };
    let request = UpdateCommunitySettingsRequest {
        settings: Some(settings),
        ..UpdateCommunitySettingsRequest::default()
    };
    let answer = actor.caller.community().update_community_settings(request).await;
    answer.expect("the settings are changed");
}

/// Makes it more than 90 days since the member came and was seen, so that he is suspended where this is asked for.
async fn become_absent(community: &str, user: &str) {
    let long = Duration::from_hours(91 * 24);
    age_account(user, long).await;
    age_person(user, long).await;
    age_membership(community, user, long).await;
}

/// Waits until the sweeper has looked at all members of a community that suspends those who stay away. It goes by their ids, which
/// rise with time, so it looks last at the one who is made here.
async fn swept(actor: &Person, community: &str) {
    let last = account(&address("last"), "Ana Lima").await;
    add(actor, community, &last, &["guest"]).await;
    become_absent(community, &last).await;
    until("the last one is suspended", || async {
        seen(community, &last).await.filter(|member| member.state() == MemberState::Suspended)
    })
    .await;
}

/// People who may not change the members of the first community inside: one who works there, the administrator of the second, and
/// a stranger.
async fn outsiders(admin: &Person, tree: &Tree) -> [Person; 3] {
    [
        holder(admin, &tree.root, vec![grant(&tree.inside[0], &["analyst"])]).await,
        holder(admin, &tree.root, vec![grant(&tree.inside[1], &["admin"])]).await,
        Person::new("stranger").await,
    ]
}

/// Requires that the call was refused for want of `permission` on `resource`.
#[track_caller]
fn denied<T: Debug>(answer: Result<T, Status>, permission: &str, resource: &str) {
    let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!((&*metadata["permission"], &*metadata["resource"]), (permission, resource));
}

/// The role as services see it.
async fn role_now(name: &str) -> Role {
    let request = GetRoleRequest { name: name.to_owned() };
    let answer = Caller::nobody().service("alerts").community().get_role(request).await;
    answer.expect("the role is there").into_inner().role.expect("it comes")
}

/// The events about a membership, in their order.
async fn told(community: &str, user: &str) -> Vec<(String, i64)> {
    let database = database(Service::Community).await;
    let member = format!("{community}/members/{}", user.trim_start_matches("users/"));
    let sql = "SELECT kind, version FROM outbox WHERE resource = $1 ORDER BY version";
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [member.into()]);
    let rows = database.query_all_raw(statement).await.expect("the statement runs");
    let read =
        |row: &sea_orm::QueryResult| (row.try_get("", "kind").unwrap(), row.try_get("", "version").unwrap());
    rows.iter().map(read).collect()
}
