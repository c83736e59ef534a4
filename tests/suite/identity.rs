//! The identity service, one file for each RPC; and what it tells by plain HTTP.

pub mod account_mails;
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
mod create_user;
mod delete_passkey;
mod disable_two_factor;
mod expect_memberships;
mod finish_passkey_authentication;
mod finish_passkey_registration;
mod finish_single_sign_on;
mod forged_tokens;
mod get_json_web_keys;
mod get_two_factor;
mod get_user;
mod get_user_picture;
mod list_passkeys;
mod list_sessions;
mod list_sign_ins;
mod list_users;
mod lockout;
mod lookup_user;
mod mint_account_mail;
mod passkey_as_second_factor;
mod purge;
mod refresh_session;
mod regenerate_backup_codes;
mod request_email_verification;
mod request_password_reset;
mod reset_password;
mod reset_two_factor;
mod revoke_all_sessions;
mod revoke_api_key;
mod revoke_session;
mod session_limit;
mod start_passkey_authentication;
mod start_passkey_registration;
mod start_single_sign_on;
mod start_totp_enrollment;
mod sweeper;
mod two_factor_enforcement;
mod update_passkey;
mod update_two_factor;
mod update_user;
mod update_user_picture;
mod verify_api_key;
mod verify_email;
mod well_known;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sandbox::{Caller, Service};
use sea_orm::{ConnectionTrait as _, QueryResult, Statement, Value};
use serde_json::Value as Json;
use tonic::Status;
use usher_api::identity::{
    Credentials, GetJsonWebKeysRequest, GetUserRequest, JsonWebKey, RefreshSessionRequest, User,
};
use uuid::Uuid;

use crate::support::request_id;
use crate::support::rows::database;

/// The account of `name`, as `caller` sees it.
async fn get(caller: &Caller, name: &str) -> Result<User, Status> {
    let request = GetUserRequest { name: name.to_owned() };
    Ok(caller.identity().get_user(request).await?.into_inner().user.expect("it comes"))
}

/// The keys that verify access tokens.
async fn published() -> Vec<JsonWebKey> {
    let answer = Caller::nobody().identity().get_json_web_keys(GetJsonWebKeysRequest {}).await;
    answer.expect("anybody gets them").into_inner().keys
}

/// A person who does not exist.
fn nobodys_name() -> String {
    format!("users/{}", Uuid::new_v4())
}

/// The id in a name.
fn id(name: &str) -> Uuid {
    name.rsplit('/').next().and_then(|id| id.parse().ok()).expect("the name ends in an id")
}

/// The claims of an access token, believed without looking.
fn claims(access_token: &str) -> Json {
    let payload = access_token.split('.').nth(1).expect("a token has three parts");
    let bytes = URL_SAFE_NO_PAD.decode(payload).expect("claims are in base64url");
    serde_json::from_slice(&bytes).expect("claims are JSON")
}

/// Exchanges a refresh token.
async fn refresh(token: &str) -> Result<Credentials, Status> {
    let request = RefreshSessionRequest { refresh_token: token.to_owned(), request_id: request_id() };
    let answer = Caller::nobody().identity().refresh_session(request).await?;
    Ok(answer.into_inner().credentials.expect("they come"))
}

/// The session that credentials belong to.
fn session_id(credentials: &Credentials) -> Uuid {
    claims(&credentials.access_token)["sid"].as_str().expect("there is one").parse().expect("it is an id")
}

/// Its name.
fn session_name(credentials: &Credentials) -> String {
    format!("{}/sessions/{}", credentials.user, session_id(credentials))
}

/// The one row that `sql` finds in the tables of the service.
async fn row<const N: usize>(sql: &str, values: [Value; N]) -> QueryResult {
    let database = database(Service::Identity).await;
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
    database.query_one_raw(statement).await.expect("the statement runs").expect("there is a row")
}

/// Changes one row in the tables of the service, as time or an older program would.
async fn change_row<const N: usize>(sql: &str, values: [Value; N]) {
    change_rows(sql, values, 1).await;
}

/// Changes `count` rows in the tables of the service.
async fn change_rows<const N: usize>(sql: &str, values: [Value; N], count: u64) {
    let database = database(Service::Identity).await;
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
    let changed = database.execute_raw(statement).await.expect("the statement runs");
    assert_eq!(changed.rows_affected(), count, "so many rows change");
}
