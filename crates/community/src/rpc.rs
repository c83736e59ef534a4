//! What can be called. One file for each RPC; here is only the generated trait, which must be implemented in one piece.

mod apply_grants;
mod assess_grants;
mod batch_check_access;
mod check_access;
mod check_grants;
mod create_api_key;
mod create_community;
mod create_connection;
mod create_member;
mod create_role;
mod create_service_account;
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

use tonic::Request;
use usher_api::community as pb;
use usher_api::community::community_service_server::CommunityService;
use usher_runtime::rpc::{Answer, answer, open};

use crate::Community;

#[tonic::async_trait]
impl CommunityService for Community {
    async fn create_community(
        &self,
        request: Request<pb::CreateCommunityRequest>,
    ) -> Answer<pb::CreateCommunityResponse> {
        let (caller, message) = open(request);
        answer(create_community::create_community(self, &caller, message).await)
    }

    async fn get_community(
        &self,
        request: Request<pb::GetCommunityRequest>,
    ) -> Answer<pb::GetCommunityResponse> {
        let (caller, message) = open(request);
        answer(get_community::get_community(self, &caller, message).await)
    }

    async fn list_communities(
        &self,
        request: Request<pb::ListCommunitiesRequest>,
    ) -> Answer<pb::ListCommunitiesResponse> {
        let (caller, message) = open(request);
        answer(list_communities::list_communities(self, &caller, message).await)
    }

    async fn update_community(
        &self,
        request: Request<pb::UpdateCommunityRequest>,
    ) -> Answer<pb::UpdateCommunityResponse> {
        let (caller, message) = open(request);
        answer(update_community::update_community(self, &caller, message).await)
    }

    async fn suspend_community(
        &self,
        request: Request<pb::SuspendCommunityRequest>,
    ) -> Answer<pb::SuspendCommunityResponse> {
        let (caller, message) = open(request);
        answer(suspend_community::suspend_community(self, &caller, message).await)
    }

    async fn reactivate_community(
        &self,
        request: Request<pb::ReactivateCommunityRequest>,
    ) -> Answer<pb::ReactivateCommunityResponse> {
        let (caller, message) = open(request);
        answer(reactivate_community::reactivate_community(self, &caller, message).await)
    }

    async fn delete_community(
        &self,
        request: Request<pb::DeleteCommunityRequest>,
    ) -> Answer<pb::DeleteCommunityResponse> {
        let (caller, message) = open(request);
        answer(delete_community::delete_community(self, &caller, message).await)
    }

    async fn undelete_community(
        &self,
        request: Request<pb::UndeleteCommunityRequest>,
    ) -> Answer<pb::UndeleteCommunityResponse> {
        let (caller, message) = open(request);
        answer(undelete_community::undelete_community(self, &caller, message).await)
    }

    async fn update_community_image(
        &self,
        request: Request<pb::UpdateCommunityImageRequest>,
    ) -> Answer<pb::UpdateCommunityImageResponse> {
        let (caller, message) = open(request);
        answer(update_community_image::update_community_image(self, &caller, message).await)
    }

    async fn get_community_image(
        &self,
        request: Request<pb::GetCommunityImageRequest>,
    ) -> Answer<pb::GetCommunityImageResponse> {
        let (caller, message) = open(request);
        answer(get_community_image::get_community_image(self, &caller, message).await)
    }

    async fn get_community_settings(
        &self,
        request: Request<pb::GetCommunitySettingsRequest>,
    ) -> Answer<pb::GetCommunitySettingsResponse> {
        let (caller, message) = open(request);
        answer(get_community_settings::get_community_settings(self, &caller, message).await)
    }

    async fn update_community_settings(
        &self,
        request: Request<pb::UpdateCommunitySettingsRequest>,
    ) -> Answer<pb::UpdateCommunitySettingsResponse> {
        let (caller, message) = open(request);
        answer(update_community_settings::update_community_settings(self, &caller, message).await)
    }

    async fn register_permissions(
        &self,
        request: Request<pb::RegisterPermissionsRequest>,
    ) -> Answer<pb::RegisterPermissionsResponse> {
        let (caller, message) = open(request);
        answer(register_permissions::register_permissions(self, &caller, message).await)
    }

    async fn deregister_permissions(
        &self,
        request: Request<pb::DeregisterPermissionsRequest>,
    ) -> Answer<pb::DeregisterPermissionsResponse> {
        let (caller, message) = open(request);
        answer(deregister_permissions::deregister_permissions(self, &caller, message).await)
    }

    async fn list_permissions(
        &self,
        request: Request<pb::ListPermissionsRequest>,
    ) -> Answer<pb::ListPermissionsResponse> {
        let (caller, message) = open(request);
        answer(list_permissions::list_permissions(self, &caller, message).await)
    }

    async fn create_role(&self, request: Request<pb::CreateRoleRequest>) -> Answer<pb::CreateRoleResponse> {
        let (caller, message) = open(request);
        answer(create_role::create_role(self, &caller, message).await)
    }

    async fn get_role(&self, request: Request<pb::GetRoleRequest>) -> Answer<pb::GetRoleResponse> {
        let (caller, message) = open(request);
        answer(get_role::get_role(self, &caller, message).await)
    }

    async fn list_roles(&self, request: Request<pb::ListRolesRequest>) -> Answer<pb::ListRolesResponse> {
        let (caller, message) = open(request);
        answer(list_roles::list_roles(self, &caller, message).await)
    }

    async fn update_role(&self, request: Request<pb::UpdateRoleRequest>) -> Answer<pb::UpdateRoleResponse> {
        let (caller, message) = open(request);
        answer(update_role::update_role(self, &caller, message).await)
    }

    async fn delete_role(&self, request: Request<pb::DeleteRoleRequest>) -> Answer<pb::DeleteRoleResponse> {
        let (caller, message) = open(request);
        answer(delete_role::delete_role(self, &caller, message).await)
    }

    async fn get_role_usage(
        &self,
        request: Request<pb::GetRoleUsageRequest>,
    ) -> Answer<pb::GetRoleUsageResponse> {
        let (caller, message) = open(request);
        answer(get_role_usage::get_role_usage(self, &caller, message).await)
    }

    async fn create_member(
        &self,
        request: Request<pb::CreateMemberRequest>,
    ) -> Answer<pb::CreateMemberResponse> {
        let (caller, message) = open(request);
        answer(create_member::create_member(self, &caller, message).await)
    }

    async fn get_member(&self, request: Request<pb::GetMemberRequest>) -> Answer<pb::GetMemberResponse> {
        let (caller, message) = open(request);
        answer(get_member::get_member(self, &caller, message).await)
    }

    async fn list_members(
        &self,
        request: Request<pb::ListMembersRequest>,
    ) -> Answer<pb::ListMembersResponse> {
        let (caller, message) = open(request);
        answer(list_members::list_members(self, &caller, message).await)
    }

    async fn update_member(
        &self,
        request: Request<pb::UpdateMemberRequest>,
    ) -> Answer<pb::UpdateMemberResponse> {
        let (caller, message) = open(request);
        answer(update_member::update_member(self, &caller, message).await)
    }

    async fn reset_member_two_factor(
        &self,
        request: Request<pb::ResetMemberTwoFactorRequest>,
    ) -> Answer<pb::ResetMemberTwoFactorResponse> {
        let (caller, message) = open(request);
        answer(reset_member_two_factor::reset_member_two_factor(self, &caller, message).await)
    }

    async fn suspend_member(
        &self,
        request: Request<pb::SuspendMemberRequest>,
    ) -> Answer<pb::SuspendMemberResponse> {
        let (caller, message) = open(request);
        answer(suspend_member::suspend_member(self, &caller, message).await)
    }

    async fn reactivate_member(
        &self,
        request: Request<pb::ReactivateMemberRequest>,
    ) -> Answer<pb::ReactivateMemberResponse> {
        let (caller, message) = open(request);
        answer(reactivate_member::reactivate_member(self, &caller, message).await)
    }

    async fn delete_member(
        &self,
        request: Request<pb::DeleteMemberRequest>,
    ) -> Answer<pb::DeleteMemberResponse> {
        let (caller, message) = open(request);
        answer(delete_member::delete_member(self, &caller, message).await)
    }

    async fn leave_community(
        &self,
        request: Request<pb::LeaveCommunityRequest>,
    ) -> Answer<pb::LeaveCommunityResponse> {
        let (caller, message) = open(request);
        answer(leave_community::leave_community(self, &caller, message).await)
    }

    async fn check_access(
        &self,
        request: Request<pb::CheckAccessRequest>,
    ) -> Answer<pb::CheckAccessResponse> {
        let (caller, message) = open(request);
        answer(check_access::check_access(self, &caller, message).await)
    }

    async fn batch_check_access(
        &self,
        request: Request<pb::BatchCheckAccessRequest>,
    ) -> Answer<pb::BatchCheckAccessResponse> {
        let (caller, message) = open(request);
        answer(batch_check_access::batch_check_access(self, &caller, message).await)
    }

    async fn explain_access(
        &self,
        request: Request<pb::ExplainAccessRequest>,
    ) -> Answer<pb::ExplainAccessResponse> {
        let (caller, message) = open(request);
        answer(explain_access::explain_access(self, &caller, message).await)
    }

    async fn list_accessible_communities(
        &self,
        request: Request<pb::ListAccessibleCommunitiesRequest>,
    ) -> Answer<pb::ListAccessibleCommunitiesResponse> {
        let (caller, message) = open(request);
        answer(list_accessible_communities::list_accessible_communities(self, &caller, message).await)
    }

    async fn list_members_with_access(
        &self,
        request: Request<pb::ListMembersWithAccessRequest>,
    ) -> Answer<pb::ListMembersWithAccessResponse> {
        let (caller, message) = open(request);
        answer(list_members_with_access::list_members_with_access(self, &caller, message).await)
    }

    async fn list_effective_roles(
        &self,
        request: Request<pb::ListEffectiveRolesRequest>,
    ) -> Answer<pb::ListEffectiveRolesResponse> {
        let (caller, message) = open(request);
        answer(list_effective_roles::list_effective_roles(self, &caller, message).await)
    }

    async fn check_grants(
        &self,
        request: Request<pb::CheckGrantsRequest>,
    ) -> Answer<pb::CheckGrantsResponse> {
        let (caller, message) = open(request);
        answer(check_grants::check_grants(self, &caller, message).await)
    }

    async fn release_seats(
        &self,
        request: Request<pb::ReleaseSeatsRequest>,
    ) -> Answer<pb::ReleaseSeatsResponse> {
        let (_, message) = open(request);
        answer(release_seats::release_seats(self, message).await)
    }

    async fn assess_grants(
        &self,
        request: Request<pb::AssessGrantsRequest>,
    ) -> Answer<pb::AssessGrantsResponse> {
        answer(assess_grants::assess_grants(self, request.into_inner()).await)
    }

    async fn describe_grants(
        &self,
        request: Request<pb::DescribeGrantsRequest>,
    ) -> Answer<pb::DescribeGrantsResponse> {
        answer(describe_grants::describe_grants(self, request.into_inner()).await)
    }

    async fn apply_grants(
        &self,
        request: Request<pb::ApplyGrantsRequest>,
    ) -> Answer<pb::ApplyGrantsResponse> {
        let (caller, message) = open(request);
        answer(apply_grants::apply_grants(self, &caller, message).await)
    }

    async fn deactivate_user(
        &self,
        request: Request<pb::DeactivateUserRequest>,
    ) -> Answer<pb::DeactivateUserResponse> {
        let (caller, message) = open(request);
        answer(deactivate_user::deactivate_user(self, &caller, message).await)
    }

    async fn reactivate_user(
        &self,
        request: Request<pb::ReactivateUserRequest>,
    ) -> Answer<pb::ReactivateUserResponse> {
        let (caller, message) = open(request);
        answer(reactivate_user::reactivate_user(self, &caller, message).await)
    }

    async fn delete_user(&self, request: Request<pb::DeleteUserRequest>) -> Answer<pb::DeleteUserResponse> {
        let (caller, message) = open(request);
        answer(delete_user::delete_user(self, &caller, message).await)
    }

    async fn undelete_user(
        &self,
        request: Request<pb::UndeleteUserRequest>,
    ) -> Answer<pb::UndeleteUserResponse> {
        let (caller, message) = open(request);
        answer(undelete_user::undelete_user(self, &caller, message).await)
    }

    async fn create_connection(
        &self,
        request: Request<pb::CreateConnectionRequest>,
    ) -> Answer<pb::CreateConnectionResponse> {
        let (caller, message) = open(request);
        answer(create_connection::create_connection(self, &caller, message).await)
    }

    async fn get_connection(
        &self,
        request: Request<pb::GetConnectionRequest>,
    ) -> Answer<pb::GetConnectionResponse> {
        let (caller, message) = open(request);
        answer(get_connection::get_connection(self, &caller, message).await)
    }

    async fn list_connections(
        &self,
        request: Request<pb::ListConnectionsRequest>,
    ) -> Answer<pb::ListConnectionsResponse> {
        let (caller, message) = open(request);
        answer(list_connections::list_connections(self, &caller, message).await)
    }

    async fn update_connection(
        &self,
        request: Request<pb::UpdateConnectionRequest>,
    ) -> Answer<pb::UpdateConnectionResponse> {
        let (caller, message) = open(request);
        answer(update_connection::update_connection(self, &caller, message).await)
    }

    async fn delete_connection(
        &self,
        request: Request<pb::DeleteConnectionRequest>,
    ) -> Answer<pb::DeleteConnectionResponse> {
        let (caller, message) = open(request);
        answer(delete_connection::delete_connection(self, &caller, message).await)
    }

    async fn create_api_key(
        &self,
        request: Request<pb::CreateApiKeyRequest>,
    ) -> Answer<pb::CreateApiKeyResponse> {
        let (caller, message) = open(request);
        answer(create_api_key::create_api_key(self, &caller, message).await)
    }

    async fn get_api_key(&self, request: Request<pb::GetApiKeyRequest>) -> Answer<pb::GetApiKeyResponse> {
        let (caller, message) = open(request);
        answer(get_api_key::get_api_key(self, &caller, message).await)
    }

    async fn list_api_keys(
        &self,
        request: Request<pb::ListApiKeysRequest>,
    ) -> Answer<pb::ListApiKeysResponse> {
        let (caller, message) = open(request);
        answer(list_api_keys::list_api_keys(self, &caller, message).await)
    }

    async fn update_api_key(
        &self,
        request: Request<pb::UpdateApiKeyRequest>,
    ) -> Answer<pb::UpdateApiKeyResponse> {
        let (caller, message) = open(request);
        answer(update_api_key::update_api_key(self, &caller, message).await)
    }

    async fn revoke_api_key(
        &self,
        request: Request<pb::RevokeApiKeyRequest>,
    ) -> Answer<pb::RevokeApiKeyResponse> {
        let (caller, message) = open(request);
        answer(revoke_api_key::revoke_api_key(self, &caller, message).await)
    }

    async fn create_service_account(
        &self,
        request: Request<pb::CreateServiceAccountRequest>,
    ) -> Answer<pb::CreateServiceAccountResponse> {
        let (caller, message) = open(request);
        answer(create_service_account::create_service_account(self, &caller, message).await)
    }

    async fn get_service_account(
        &self,
        request: Request<pb::GetServiceAccountRequest>,
    ) -> Answer<pb::GetServiceAccountResponse> {
        let (caller, message) = open(request);
        answer(get_service_account::get_service_account(self, &caller, message).await)
    }

    async fn list_service_accounts(
        &self,
        request: Request<pb::ListServiceAccountsRequest>,
    ) -> Answer<pb::ListServiceAccountsResponse> {
        let (caller, message) = open(request);
        answer(list_service_accounts::list_service_accounts(self, &caller, message).await)
    }

    async fn update_service_account(
        &self,
        request: Request<pb::UpdateServiceAccountRequest>,
    ) -> Answer<pb::UpdateServiceAccountResponse> {
        let (caller, message) = open(request);
        answer(update_service_account::update_service_account(self, &caller, message).await)
    }

    async fn delete_service_account(
        &self,
        request: Request<pb::DeleteServiceAccountRequest>,
    ) -> Answer<pb::DeleteServiceAccountResponse> {
        let (caller, message) = open(request);
        answer(delete_service_account::delete_service_account(self, &caller, message).await)
    }

    async fn update_service_account_access(
        &self,
        request: Request<pb::UpdateServiceAccountAccessRequest>,
    ) -> Answer<pb::UpdateServiceAccountAccessResponse> {
        let (caller, message) = open(request);
        answer(update_service_account_access::update_service_account_access(self, &caller, message).await)
    }
}
