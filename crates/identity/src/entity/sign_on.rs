//! One row for each sign-in by a connection that was begun a while ago.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A sign-in that somebody is about to finish at the provider. Finishing ends it.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_on")]
pub struct Model {
    /// SHA-256 of the state.
    #[sea_orm(primary_key, auto_increment = false)]
    pub state_hash: Vec<u8>,
    /// By which connection.
    pub connection_id: Uuid,
    /// Who links his account, if it was begun by somebody who is signed in.
    pub account_id: Option<Uuid>,
    /// The PKCE verifier and the nonce, sealed.
    pub sealed_secrets: String,
    /// Where it was begun, as ranges that are counted together. Empty if it is not known.
    pub source_range: String,
    /// When it was begun.
    pub create_time: Timestamp,
    /// When it is too late to finish. 0 if it was finished.
    pub expire_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
