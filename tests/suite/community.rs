//! The community service, one file for each RPC.

mod apply_grants;
mod batch_check_access;
mod check_access;
mod check_grants;
mod create_community;
mod create_role;
mod get_community;
mod get_role;
mod list_communities;
mod list_effective_roles;
mod list_permissions;
mod list_roles;
mod register_permissions;

use sandbox::Caller;
use usher_api::community::apply_grants_response::Decision;
use usher_api::community::{
    ApplyGrantsRequest, Grant, Inheritance, Permission, PermissionCategory, RegisterPermissionsRequest,
};
use uuid::Uuid;

use crate::support::people::Person;
use crate::support::request_id;
use crate::support::tree::grant;

/// A community that does not exist.
fn no_community() -> String {
    format!("communities/{}", Uuid::new_v4())
}

/// Somebody whom the community service has only heard of. It does not know accounts.
fn somebody() -> String {
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
    }
}

/// What became of the application.
async fn decide(application: ApplyGrantsRequest) -> Decision {
    let answer = invitation_service().community().apply_grants(application).await;
    answer.expect("it is decided").into_inner().decision.expect("there is a decision")
}

/// Makes `user` a member as if he had accepted an invitation of `inviter`.
async fn enrol(inviter: &Person, root: &str, user: &str, grants: Vec<Grant>) {
    let decision = decide(application(root, &inviter.name, user, grants)).await;
    assert!(matches!(decision, Decision::Applied(_)), "{decision:?}");
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
async fn may(user: &str, community: &str, permission: &str) -> bool {
    let request = usher_api::community::CheckAccessRequest {
        user: user.to_owned(),
        community: community.to_owned(),
        permission: permission.to_owned(),
    };
    let answer = Caller::nobody().service("alerts").community().check_access(request).await;
    answer.expect("the check is answered").into_inner().allowed
}
