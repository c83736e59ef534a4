//! The invitation service, one file for each RPC.

mod accept_invitation;
mod create_invitation;
mod decline_invitation;
mod get_invitation;
mod import_invitations;
mod list_invitations;
mod mint_invitation_link;
mod resend_invitation;
mod resolve_invitation_token;
mod revoke_invitation;
mod withdrawal;
