//! What can be called. One file for each RPC.

mod accept_invitation;
mod authorize_invitation_mail;
mod batch_create_invitations;
mod batch_mint_invitation_links;
mod batch_revoke_invitations;
mod create_invitation;
mod decline_invitation;
mod describe_invitation;
mod get_invitation;
mod import_invitations;
mod list_acceptances;
mod list_invitations;
mod list_my_invitations;
mod resend_invitation;
mod resolve_invitation_token;
mod revoke_invitation;
mod update_invitation;
mod watch_invitations;

use tonic::{Request, Streaming};
use usher_api::invitation as pb;
use usher_api::invitation::invitation_service_server::InvitationService;
use usher_runtime::rpc::{Answer, answer, open};

use crate::{Invitation, watch};

#[tonic::async_trait]
impl InvitationService for Invitation {
    type WatchInvitationsStream = watch::Changes;

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

    async fn watch_invitations(
        &self,
        request: Request<pb::WatchInvitationsRequest>,
    ) -> Answer<Self::WatchInvitationsStream> {
        let (caller, message) = open(request);
        answer(watch_invitations::watch_invitations(self, caller, message).await)
    }

    async fn list_my_invitations(
        &self,
        request: Request<pb::ListMyInvitationsRequest>,
    ) -> Answer<pb::ListMyInvitationsResponse> {
        let (caller, message) = open(request);
        answer(list_my_invitations::list_my_invitations(self, &caller, message).await)
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

    async fn batch_revoke_invitations(
        &self,
        request: Request<pb::BatchRevokeInvitationsRequest>,
    ) -> Answer<pb::BatchRevokeInvitationsResponse> {
        let (caller, message) = open(request);
        answer(batch_revoke_invitations::batch_revoke_invitations(self, &caller, message).await)
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

    async fn list_acceptances(
        &self,
        request: Request<pb::ListAcceptancesRequest>,
    ) -> Answer<pb::ListAcceptancesResponse> {
        let (caller, message) = open(request);
        answer(list_acceptances::list_acceptances(self, &caller, message).await)
    }

    async fn batch_mint_invitation_links(
        &self,
        request: Request<pb::BatchMintInvitationLinksRequest>,
    ) -> Answer<pb::BatchMintInvitationLinksResponse> {
        answer(batch_mint_invitation_links::batch_mint_invitation_links(self, request.into_inner()).await)
    }

    async fn authorize_invitation_mail(
        &self,
        request: Request<pb::AuthorizeInvitationMailRequest>,
    ) -> Answer<pb::AuthorizeInvitationMailResponse> {
        answer(authorize_invitation_mail::authorize_invitation_mail(self, request.into_inner()).await)
    }

    async fn describe_invitation(
        &self,
        request: Request<pb::DescribeInvitationRequest>,
    ) -> Answer<pb::DescribeInvitationResponse> {
        answer(describe_invitation::describe_invitation(self, request.into_inner()).await)
    }
}
