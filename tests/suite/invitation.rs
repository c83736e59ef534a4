//! The invitation service, one file for each RPC.

mod accept_invitation;
mod authorize_invitation_mail;
mod batch_create_invitations;
mod batch_mint_invitation_links;
mod batch_revoke_invitations;
mod create_invitation;
mod crossed_ids;
mod decline_invitation;
mod describe_invitation;
mod events;
mod get_invitation;
mod housekeeping;
mod import_invitations;
mod limits;
mod list_acceptances;
mod list_invitations;
mod list_my_invitations;
mod programs;
mod random_lives;
mod resend_invitation;
mod resolve_invitation_token;
mod revoke_invitation;
mod rules;
mod seats;
mod supersession;
mod update_invitation;
mod watch_invitations;
mod withdrawal;

use sandbox::Service;
use sea_orm::{ConnectionTrait as _, Statement};

use crate::support::rows::database;

/// The kinds of the events about an invitation, in the order of their versions, of which none is missing.
pub async fn told(name: &str) -> Vec<String> {
    let outbox = database(Service::Invitation).await;
    let sql = "SELECT kind, version FROM outbox WHERE resource = $1 ORDER BY version";
    let statement = Statement::from_sql_and_values(outbox.get_database_backend(), sql, [name.into()]);
    let rows = outbox.query_all_raw(statement).await.unwrap();
    let versions: Vec<i64> = rows.iter().map(|row| row.try_get("", "version").unwrap()).collect();
    assert_eq!(versions, (1..=i64::try_from(rows.len()).unwrap()).collect::<Vec<_>>());
    rows.iter().map(|row| row.try_get("", "kind").unwrap()).collect()
}
