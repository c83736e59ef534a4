//! What can be called. One file for each RPC.

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

    async fn register_permissions(
        &self,
        request: Request<pb::RegisterPermissionsRequest>,
    ) -> Answer<pb::RegisterPermissionsResponse> {
        let (caller, message) = open(request);
        answer(register_permissions::register_permissions(self, &caller, message).await)
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

    async fn apply_grants(
        &self,
        request: Request<pb::ApplyGrantsRequest>,
    ) -> Answer<pb::ApplyGrantsResponse> {
        let (caller, message) = open(request);
        answer(apply_grants::apply_grants(self, &caller, message).await)
    }
}
