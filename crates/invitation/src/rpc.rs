//! What can be called. One file for each RPC.

mod accept_invitation;
mod batch_create_invitations;
mod create_invitation;
mod decline_invitation;
mod get_invitation;
mod import_invitations;
mod list_invitations;
mod mint_invitation_link;
mod resend_invitation;
mod resolve_invitation_token;
mod revoke_invitation;
mod update_invitation;

use tonic::{Request, Streaming};
use usher_api::invitation as pb;
use usher_api::invitation::invitation_service_server::InvitationService;
use usher_runtime::rpc::{Answer, answer, open};

use crate::Invitation;

#[tonic::async_trait]
impl InvitationService for Invitation {
    async fn create_invitation(
        &self,
        request: Request<pb::CreateInvitationRequest>,
    ) -> Answer<pb::CreateInvitationResponse> {
        let (caller, message) = open(request);
        answer(create_invitation::create_invitation(self, &caller, message).await)
    }

    async fn batch_create_invitations(
        &self,
        request: Request<pb::BatchCreateInvitationsRequest>,
    ) -> Answer<pb::BatchCreateInvitationsResponse> {
        let (caller, message) = open(request);
        answer(batch_create_invitations::batch_create_invitations(self, &caller, message).await)
    }

    type ImportInvitationsStream = import_invitations::Answers;

    async fn import_invitations(
        &self,
        request: Request<Streaming<pb::ImportInvitationsRequest>>,
    ) -> Answer<Self::ImportInvitationsStream> {
        let (caller, messages) = open(request);
        answer(import_invitations::import_invitations(self, &caller, messages).await)
    }

    async fn get_invitation(
        &self,
        request: Request<pb::GetInvitationRequest>,
    ) -> Answer<pb::GetInvitationResponse> {
        let (caller, message) = open(request);
        answer(get_invitation::get_invitation(self, &caller, message).await)
    }

    async fn list_invitations(
        &self,
        request: Request<pb::ListInvitationsRequest>,
    ) -> Answer<pb::ListInvitationsResponse> {
        let (caller, message) = open(request);
        answer(list_invitations::list_invitations(self, &caller, message).await)
    }

    async fn update_invitation(
        &self,
        request: Request<pb::UpdateInvitationRequest>,
    ) -> Answer<pb::UpdateInvitationResponse> {
        let (caller, message) = open(request);
        answer(update_invitation::update_invitation(self, &caller, message).await)
    }

    async fn revoke_invitation(
        &self,
        request: Request<pb::RevokeInvitationRequest>,
    ) -> Answer<pb::RevokeInvitationResponse> {
        let (caller, message) = open(request);
        answer(revoke_invitation::revoke_invitation(self, &caller, message).await)
    }

    async fn resend_invitation(
        &self,
        request: Request<pb::ResendInvitationRequest>,
    ) -> Answer<pb::ResendInvitationResponse> {
        let (caller, message) = open(request);
        answer(resend_invitation::resend_invitation(self, &caller, message).await)
    }

    async fn resolve_invitation_token(
        &self,
        request: Request<pb::ResolveInvitationTokenRequest>,
    ) -> Answer<pb::ResolveInvitationTokenResponse> {
        let (_, message) = open(request);
        answer(resolve_invitation_token::resolve_invitation_token(self, message).await)
    }

    async fn accept_invitation(
        &self,
        request: Request<pb::AcceptInvitationRequest>,
    ) -> Answer<pb::AcceptInvitationResponse> {
        let (caller, message) = open(request);
        answer(accept_invitation::accept_invitation(self, &caller, message).await)
    }

    async fn decline_invitation(
        &self,
        request: Request<pb::DeclineInvitationRequest>,
    ) -> Answer<pb::DeclineInvitationResponse> {
        let (caller, message) = open(request);
        answer(decline_invitation::decline_invitation(self, &caller, message).await)
    }

    async fn mint_invitation_link(
        &self,
        request: Request<pb::MintInvitationLinkRequest>,
    ) -> Answer<pb::MintInvitationLinkResponse> {
        let (_, message) = open(request);
        answer(mint_invitation_link::mint_invitation_link(self, message).await)
    }
}
