//! What happens to communities and their members, made to happen by somebody who may. Every act returns the consistency token of
//! its answer.

use usher_api::community::{
    CommunitySettings, DeactivateUserRequest, DeleteCommunityRequest, DeleteMemberRequest, DeleteUserRequest,
    EffectiveRole, Inheritance, Member, ReactivateCommunityRequest, ReactivateMemberRequest,
    SuspendCommunityRequest, SuspendMemberRequest, UndeleteCommunityRequest, UpdateCommunitySettingsRequest,
    UpdateMemberRequest,
};

use super::people::Person;
use super::request_id;

/// The membership of `user` in `community`.
pub fn member_name(community: &str, user: &str) -> String {
    format!("{community}/members/{}", user.trim_start_matches("users/"))
}

/// Stops a community.
pub async fn suspend_community(actor: &Person, name: &str) -> String {
    let request = SuspendCommunityRequest { name: name.to_owned(), ..SuspendCommunityRequest::default() };
    let answer = actor.caller.community().suspend_community(request).await;
    answer.expect("the community is suspended").into_inner().consistency_token
}

/// Ends the suspension of a community.
pub async fn reactivate_community(actor: &Person, name: &str) -> String {
    let request =
        ReactivateCommunityRequest { name: name.to_owned(), ..ReactivateCommunityRequest::default() };
    let answer = actor.caller.community().reactivate_community(request).await;
    answer.expect("the community is reactivated").into_inner().consistency_token
}

/// Deletes a community.
pub async fn delete_community(actor: &Person, name: &str) -> String {
    let request = DeleteCommunityRequest { name: name.to_owned(), ..DeleteCommunityRequest::default() };
    let answer = actor.caller.community().delete_community(request).await;
    answer.expect("the community is deleted").into_inner().consistency_token
}

/// Takes the deletion of a community back.
pub async fn undelete_community(actor: &Person, name: &str) -> String {
    let request = UndeleteCommunityRequest { name: name.to_owned(), ..UndeleteCommunityRequest::default() };
    let answer = actor.caller.community().undelete_community(request).await;
    answer.expect("the deletion is taken back").into_inner().consistency_token
}

/// Makes the roles of a member count no longer.
pub async fn suspend_member(actor: &Person, community: &str, user: &str) -> String {
    let request =
        SuspendMemberRequest { name: member_name(community, user), ..SuspendMemberRequest::default() };
    let answer = actor.caller.community().suspend_member(request).await;
    answer.expect("the member is suspended").into_inner().consistency_token
}

/// Makes the roles of a member count again.
pub async fn reactivate_member(actor: &Person, community: &str, user: &str) -> String {
    let request =
        ReactivateMemberRequest { name: member_name(community, user), ..ReactivateMemberRequest::default() };
    let answer = actor.caller.community().reactivate_member(request).await;
    answer.expect("the member is reactivated").into_inner().consistency_token
}

/// Ends a membership.
pub async fn remove_member(actor: &Person, community: &str, user: &str) -> String {
    let request =
        DeleteMemberRequest { name: member_name(community, user), ..DeleteMemberRequest::default() };
    let answer = actor.caller.community().delete_member(request).await;
    answer.expect("the member is removed").into_inner().consistency_token
}

/// Sets the roles that a member was given, each with how far it reaches.
pub async fn set_roles(
    actor: &Person,
    community: &str,
    user: &str,
    roles: impl IntoIterator<Item = (String, Inheritance)>,
) -> String {
    let role = |(role, inheritance): (String, Inheritance)| EffectiveRole {
        role,
        inheritance: inheritance.into(),
        ..EffectiveRole::default()
    };
    let member = Member {
        name: member_name(community, user),
        roles: roles.into_iter().map(role).collect(),
        ..Member::default()
    };
    let request = UpdateMemberRequest { member: Some(member), ..UpdateMemberRequest::default() };
    let answer = actor.caller.community().update_member(request).await;
    answer.expect("the roles are set").into_inner().consistency_token
}

/// Sets those settings of a community that are set in `settings`.
pub async fn set_community(actor: &Person, community: &str, settings: CommunitySettings) {
    let settings = CommunitySettings { name: format!("{community}/settings"), ..settings };
    let request = UpdateCommunitySettingsRequest {
        settings: Some(settings),
        ..UpdateCommunitySettingsRequest::default()
    };
    actor.caller.community().update_community_settings(request).await.expect("the settings are set");
}

/// Makes an account unusable.
pub async fn deactivate_user(admin: &Person, user: &str) {
    let request = DeactivateUserRequest { user: user.to_owned(), request_id: request_id() };
    admin.caller.community().deactivate_user(request).await.expect("the account is deactivated");
}

/// Has an account destroyed after 30 days.
pub async fn delete_user(admin: &Person, user: &str) {
    let request = DeleteUserRequest {
        user: user.to_owned(),
        current_password: String::new(),
        request_id: request_id(),
    };
    admin.caller.community().delete_user(request).await.expect("the account is deleted");
}
