//! API keys and service accounts.

use prost_types::Duration;
use sandbox::Caller;
use tonic::Status;
use usher_api::community::{
    ApiKey, CheckAccessRequest, CreateApiKeyRequest, CreateServiceAccountRequest, RevokeApiKeyRequest,
    ServiceAccount, ServiceAccountAccess, UpdateServiceAccountAccessRequest,
};
use uuid::Uuid;

use super::people::Person;
use super::request_id;

/// A key, with its secret.
#[derive(Clone)]
#[expect(clippy::struct_field_names, reason = "the resource has no better name")]
pub struct Key {
    /// As it was answered.
    pub key: ApiKey,
    /// What it is known by.
    pub secret: String,
    /// Calls with it.
    pub caller: Caller,
}

/// Permissions, as requests hold them.
pub fn named(permissions: &[&str]) -> Vec<String> {
    permissions.iter().map(|permission| (*permission).to_owned()).collect()
}

/// A request to make a key with these permissions.
pub fn key_request(parent: &str, permissions: &[&str]) -> CreateApiKeyRequest {
    let key = ApiKey {
        display_name: format!("Key {}", Uuid::new_v4().simple()),
        permissions: named(permissions),
        ..ApiKey::default()
    };
    CreateApiKeyRequest { parent: parent.to_owned(), api_key: Some(key), ttl: None, request_id: request_id() }
}

/// The request, for a key that lives so long.
pub fn living(seconds: i64, request: CreateApiKeyRequest) -> CreateApiKeyRequest {
    CreateApiKeyRequest { ttl: Some(Duration { seconds, nanos: 0 }), ..request }
}

/// Makes a key.
pub async fn make_key(maker: &Person, request: CreateApiKeyRequest) -> Result<Key, Status> {
    let answer = maker.caller.community().create_api_key(request).await?.into_inner();
    let caller = maker.caller.bearing(&answer.secret);
    Ok(Key { key: answer.api_key.expect("it comes"), secret: answer.secret, caller })
}

/// Makes a key with these permissions.
pub async fn key(maker: &Person, parent: &str, permissions: &[&str]) -> Key {
    make_key(maker, key_request(parent, permissions)).await.expect("the key is made")
}

/// Revokes a key.
pub async fn revoke_key(actor: &Caller, name: &str) -> Result<ApiKey, Status> {
    let request = RevokeApiKeyRequest { name: name.to_owned(), ..RevokeApiKeyRequest::default() };
    Ok(actor.community().revoke_api_key(request).await?.into_inner().api_key.expect("it comes"))
}

/// A new service account, and a key of it.
pub async fn account(admin: &Person) -> (ServiceAccount, Key) {
    let display_name = format!("Account {}", Uuid::new_v4().simple());
    let account = ServiceAccount { display_name, ..ServiceAccount::default() };
    let request = CreateServiceAccountRequest { service_account: Some(account), request_id: request_id() };
    let answer = admin.caller.community().create_service_account(request).await;
    let account = answer.expect("the account is made").into_inner().service_account.expect("it comes");
    let key = key(admin, &account.name, &[]).await;
    (account, key)
}

/// A request to make `permissions` all that a community gives a service account.
pub fn access_request(
    account: &str,
    community: &str,
    permissions: &[&str],
) -> UpdateServiceAccountAccessRequest {
    let access = ServiceAccountAccess {
        community: community.to_owned(),
        permissions: named(permissions),
        ..ServiceAccountAccess::default()
    };
    UpdateServiceAccountAccessRequest {
        service_account: account.to_owned(),
        access: Some(access),
        request_id: request_id(),
    }
}

/// Makes `permissions` all that a community gives a service account.
pub async fn give(giver: &Person, account: &str, community: &str, permissions: &[&str]) {
    let request = access_request(account, community, permissions);
    giver.caller.community().update_service_account_access(request).await.expect("it is given");
}

/// Whether whoever this is may do something on behalf of a person, as a service learns it.
pub async fn may_for(program: &str, user: &str, community: &str, permission: &str) -> bool {
    let request = CheckAccessRequest {
        user: program.to_owned(),
        community: community.to_owned(),
        permission: permission.to_owned(),
        consistency_token: String::new(),
        on_behalf_of: user.to_owned(),
    };
    let answer = Caller::nobody().service("alerts").community().check_access(request).await;
    answer.expect("the check is answered").into_inner().allowed
}
