//! What can be called. One file for each RPC; here is only the generated trait, which must be implemented in one piece.

pub(crate) mod get_json_web_keys;

mod assess_password;
mod authenticate;
mod batch_get_api_key_uses;
mod batch_lookup_users;
mod change_email;
mod change_password;
mod complete_authentication;
mod confirm_password;
mod confirm_totp_enrollment;
mod create_api_key;
mod create_connection;
mod create_user;
mod delete_connection;
mod delete_passkey;
mod disable_two_factor;
mod expect_memberships;
mod finish_passkey_authentication;
mod finish_passkey_registration;
mod finish_single_sign_on;
mod get_connection;
mod get_two_factor;
mod get_user;
mod get_user_picture;
mod list_connections;
mod list_passkeys;
mod list_sessions;
mod list_sign_ins;
mod list_users;
mod lookup_user;
mod mint_account_mail;
mod refresh_session;
mod regenerate_backup_codes;
mod request_email_verification;
mod request_password_reset;
mod reset_password;
mod reset_two_factor;
mod revoke_all_sessions;
mod revoke_api_key;
mod revoke_session;
mod start_passkey_authentication;
mod start_passkey_registration;
mod start_single_sign_on;
mod start_totp_enrollment;
mod update_connection;
mod update_passkey;
mod update_two_factor;
mod update_user;
mod update_user_picture;
mod verify_api_key;
mod verify_email;

use tonic::Request;
use usher_api::identity as pb;
use usher_api::identity::identity_service_server::IdentityService;
use usher_runtime::rpc::{Answer, answer, open};

use crate::Identity;

#[tonic::async_trait]
impl IdentityService for Identity {
    async fn create_user(&self, request: Request<pb::CreateUserRequest>) -> Answer<pb::CreateUserResponse> {
        let (caller, message) = open(request);
        answer(create_user::create_user(self, &caller, message).await)
    }

    async fn authenticate(
        &self,
        request: Request<pb::AuthenticateRequest>,
    ) -> Answer<pb::AuthenticateResponse> {
        let (caller, message) = open(request);
        answer(authenticate::authenticate(self, &caller, message).await)
    }

    async fn refresh_session(
        &self,
        request: Request<pb::RefreshSessionRequest>,
    ) -> Answer<pb::RefreshSessionResponse> {
        let (caller, message) = open(request);
        answer(refresh_session::refresh_session(self, &caller, message).await)
    }

    async fn list_sessions(
        &self,
        request: Request<pb::ListSessionsRequest>,
    ) -> Answer<pb::ListSessionsResponse> {
        let (caller, message) = open(request);
        answer(list_sessions::list_sessions(self, &caller, message).await)
    }

    async fn revoke_session(
        &self,
        request: Request<pb::RevokeSessionRequest>,
    ) -> Answer<pb::RevokeSessionResponse> {
        let (caller, message) = open(request);
        answer(revoke_session::revoke_session(self, &caller, message).await)
    }

    async fn revoke_all_sessions(
        &self,
        request: Request<pb::RevokeAllSessionsRequest>,
    ) -> Answer<pb::RevokeAllSessionsResponse> {
        let (caller, message) = open(request);
        answer(revoke_all_sessions::revoke_all_sessions(self, &caller, message).await)
    }

    async fn list_sign_ins(
        &self,
        request: Request<pb::ListSignInsRequest>,
    ) -> Answer<pb::ListSignInsResponse> {
        let (caller, message) = open(request);
        answer(list_sign_ins::list_sign_ins(self, &caller, message).await)
    }

    async fn get_user(&self, request: Request<pb::GetUserRequest>) -> Answer<pb::GetUserResponse> {
        let (caller, message) = open(request);
        answer(get_user::get_user(self, &caller, message).await)
    }

    async fn list_users(&self, request: Request<pb::ListUsersRequest>) -> Answer<pb::ListUsersResponse> {
        let (caller, message) = open(request);
        answer(list_users::list_users(self, &caller, message).await)
    }

    async fn update_user(&self, request: Request<pb::UpdateUserRequest>) -> Answer<pb::UpdateUserResponse> {
        let (caller, message) = open(request);
        answer(update_user::update_user(self, &caller, message).await)
    }

    async fn update_user_picture(
        &self,
        request: Request<pb::UpdateUserPictureRequest>,
    ) -> Answer<pb::UpdateUserPictureResponse> {
        let (caller, message) = open(request);
        answer(update_user_picture::update_user_picture(self, &caller, message).await)
    }

    async fn get_user_picture(
        &self,
        request: Request<pb::GetUserPictureRequest>,
    ) -> Answer<pb::GetUserPictureResponse> {
        let (caller, message) = open(request);
        answer(get_user_picture::get_user_picture(self, &caller, message).await)
    }

    async fn expect_memberships(
        &self,
        request: Request<pb::ExpectMembershipsRequest>,
    ) -> Answer<pb::ExpectMembershipsResponse> {
        let (_, message) = open(request);
        answer(expect_memberships::expect_memberships(self, message).await)
    }

    async fn batch_lookup_users(
        &self,
        request: Request<pb::BatchLookupUsersRequest>,
    ) -> Answer<pb::BatchLookupUsersResponse> {
        let (_, message) = open(request);
        answer(batch_lookup_users::batch_lookup_users(self, message).await)
    }

    async fn lookup_user(&self, request: Request<pb::LookupUserRequest>) -> Answer<pb::LookupUserResponse> {
        let (_, message) = open(request);
        answer(lookup_user::lookup_user(self, message).await)
    }

    async fn assess_password(
        &self,
        request: Request<pb::AssessPasswordRequest>,
    ) -> Answer<pb::AssessPasswordResponse> {
        let (caller, message) = open(request);
        answer(assess_password::assess_password(self, &caller, message).await)
    }

    async fn change_password(
        &self,
        request: Request<pb::ChangePasswordRequest>,
    ) -> Answer<pb::ChangePasswordResponse> {
        let (caller, message) = open(request);
        answer(change_password::change_password(self, &caller, message).await)
    }

    async fn get_json_web_keys(
        &self,
        _: Request<pb::GetJsonWebKeysRequest>,
    ) -> Answer<pb::GetJsonWebKeysResponse> {
        answer(get_json_web_keys::get_json_web_keys(self).await)
    }

    async fn request_password_reset(
        &self,
        request: Request<pb::RequestPasswordResetRequest>,
    ) -> Answer<pb::RequestPasswordResetResponse> {
        let (caller, message) = open(request);
        answer(request_password_reset::request_password_reset(self, &caller, message).await)
    }

    async fn reset_password(
        &self,
        request: Request<pb::ResetPasswordRequest>,
    ) -> Answer<pb::ResetPasswordResponse> {
        let (caller, message) = open(request);
        answer(reset_password::reset_password(self, &caller, message).await)
    }

    async fn request_email_verification(
        &self,
        request: Request<pb::RequestEmailVerificationRequest>,
    ) -> Answer<pb::RequestEmailVerificationResponse> {
        let (caller, message) = open(request);
        answer(request_email_verification::request_email_verification(self, &caller, message).await)
    }

    async fn change_email(
        &self,
        request: Request<pb::ChangeEmailRequest>,
    ) -> Answer<pb::ChangeEmailResponse> {
        let (caller, message) = open(request);
        answer(change_email::change_email(self, &caller, message).await)
    }

    async fn verify_email(
        &self,
        request: Request<pb::VerifyEmailRequest>,
    ) -> Answer<pb::VerifyEmailResponse> {
        let (caller, message) = open(request);
        answer(verify_email::verify_email(self, &caller, message).await)
    }

    async fn mint_account_mail(
        &self,
        request: Request<pb::MintAccountMailRequest>,
    ) -> Answer<pb::MintAccountMailResponse> {
        let (_, message) = open(request);
        answer(mint_account_mail::mint_account_mail(self, message).await)
    }

    async fn confirm_password(
        &self,
        request: Request<pb::ConfirmPasswordRequest>,
    ) -> Answer<pb::ConfirmPasswordResponse> {
        let (caller, message) = open(request);
        answer(confirm_password::confirm_password(self, &caller, message).await)
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

    async fn start_single_sign_on(
        &self,
        request: Request<pb::StartSingleSignOnRequest>,
    ) -> Answer<pb::StartSingleSignOnResponse> {
        let (caller, message) = open(request);
        answer(start_single_sign_on::start_single_sign_on(self, &caller, message).await)
    }

    async fn finish_single_sign_on(
        &self,
        request: Request<pb::FinishSingleSignOnRequest>,
    ) -> Answer<pb::FinishSingleSignOnResponse> {
        let (caller, message) = open(request);
        answer(finish_single_sign_on::finish_single_sign_on(self, &caller, message).await)
    }

    async fn complete_authentication(
        &self,
        request: Request<pb::CompleteAuthenticationRequest>,
    ) -> Answer<pb::CompleteAuthenticationResponse> {
        let (caller, message) = open(request);
        answer(complete_authentication::complete_authentication(self, &caller, message).await)
    }

    async fn get_two_factor(
        &self,
        request: Request<pb::GetTwoFactorRequest>,
    ) -> Answer<pb::GetTwoFactorResponse> {
        let (caller, message) = open(request);
        answer(get_two_factor::get_two_factor(self, &caller, message).await)
    }

    async fn start_totp_enrollment(
        &self,
        request: Request<pb::StartTotpEnrollmentRequest>,
    ) -> Answer<pb::StartTotpEnrollmentResponse> {
        let (caller, message) = open(request);
        answer(start_totp_enrollment::start_totp_enrollment(self, &caller, message).await)
    }

    async fn confirm_totp_enrollment(
        &self,
        request: Request<pb::ConfirmTotpEnrollmentRequest>,
    ) -> Answer<pb::ConfirmTotpEnrollmentResponse> {
        let (caller, message) = open(request);
        answer(confirm_totp_enrollment::confirm_totp_enrollment(self, &caller, message).await)
    }

    async fn regenerate_backup_codes(
        &self,
        request: Request<pb::RegenerateBackupCodesRequest>,
    ) -> Answer<pb::RegenerateBackupCodesResponse> {
        let (caller, message) = open(request);
        answer(regenerate_backup_codes::regenerate_backup_codes(self, &caller, message).await)
    }

    async fn disable_two_factor(
        &self,
        request: Request<pb::DisableTwoFactorRequest>,
    ) -> Answer<pb::DisableTwoFactorResponse> {
        let (caller, message) = open(request);
        answer(disable_two_factor::disable_two_factor(self, &caller, message).await)
    }

    async fn reset_two_factor(
        &self,
        request: Request<pb::ResetTwoFactorRequest>,
    ) -> Answer<pb::ResetTwoFactorResponse> {
        let (_, message) = open(request);
        answer(reset_two_factor::reset_two_factor(self, message).await)
    }

    async fn update_two_factor(
        &self,
        request: Request<pb::UpdateTwoFactorRequest>,
    ) -> Answer<pb::UpdateTwoFactorResponse> {
        let (caller, message) = open(request);
        answer(update_two_factor::update_two_factor(self, &caller, message).await)
    }

    async fn start_passkey_registration(
        &self,
        request: Request<pb::StartPasskeyRegistrationRequest>,
    ) -> Answer<pb::StartPasskeyRegistrationResponse> {
        let (caller, message) = open(request);
        answer(start_passkey_registration::start_passkey_registration(self, &caller, message).await)
    }

    async fn finish_passkey_registration(
        &self,
        request: Request<pb::FinishPasskeyRegistrationRequest>,
    ) -> Answer<pb::FinishPasskeyRegistrationResponse> {
        let (caller, message) = open(request);
        answer(finish_passkey_registration::finish_passkey_registration(self, &caller, message).await)
    }

    async fn list_passkeys(
        &self,
        request: Request<pb::ListPasskeysRequest>,
    ) -> Answer<pb::ListPasskeysResponse> {
        let (caller, message) = open(request);
        answer(list_passkeys::list_passkeys(self, &caller, message).await)
    }

    async fn update_passkey(
        &self,
        request: Request<pb::UpdatePasskeyRequest>,
    ) -> Answer<pb::UpdatePasskeyResponse> {
        let (caller, message) = open(request);
        answer(update_passkey::update_passkey(self, &caller, message).await)
    }

    async fn delete_passkey(
        &self,
        request: Request<pb::DeletePasskeyRequest>,
    ) -> Answer<pb::DeletePasskeyResponse> {
        let (caller, message) = open(request);
        answer(delete_passkey::delete_passkey(self, &caller, message).await)
    }

    async fn start_passkey_authentication(
        &self,
        request: Request<pb::StartPasskeyAuthenticationRequest>,
    ) -> Answer<pb::StartPasskeyAuthenticationResponse> {
        let (caller, _) = open(request);
        answer(start_passkey_authentication::start_passkey_authentication(self, &caller).await)
    }

    async fn finish_passkey_authentication(
        &self,
        request: Request<pb::FinishPasskeyAuthenticationRequest>,
    ) -> Answer<pb::FinishPasskeyAuthenticationResponse> {
        let (caller, message) = open(request);
        answer(finish_passkey_authentication::finish_passkey_authentication(self, &caller, message).await)
    }

    async fn create_api_key(
        &self,
        request: Request<pb::CreateApiKeyRequest>,
    ) -> Answer<pb::CreateApiKeyResponse> {
        let (_, message) = open(request);
        answer(create_api_key::create_api_key(self, message).await)
    }

    async fn revoke_api_key(
        &self,
        request: Request<pb::RevokeApiKeyRequest>,
    ) -> Answer<pb::RevokeApiKeyResponse> {
        let (_, message) = open(request);
        answer(revoke_api_key::revoke_api_key(self, message).await)
    }

    async fn batch_get_api_key_uses(
        &self,
        request: Request<pb::BatchGetApiKeyUsesRequest>,
    ) -> Answer<pb::BatchGetApiKeyUsesResponse> {
        let (_, message) = open(request);
        answer(batch_get_api_key_uses::batch_get_api_key_uses(self, message).await)
    }

    async fn verify_api_key(
        &self,
        request: Request<pb::VerifyApiKeyRequest>,
    ) -> Answer<pb::VerifyApiKeyResponse> {
        let (_, message) = open(request);
        answer(verify_api_key::verify_api_key(self, message).await)
    }
}
