//! One row for each address that somebody tried to sign in with.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;

/// What is counted together: all attempts with one address, on all replicas, in any spelling. The row is what they wait for.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_guard")]
pub struct Model {
    /// A keyed hash of the address in its canonical form.
    #[sea_orm(primary_key, auto_increment = false)]
    pub address_key: Vec<u8>,
    /// When it was held last, by the database's clock.
    pub hold_time: Timestamp,
    /// Failures before that count no longer: somebody signed in, or the lock came.
    pub reset_time: Timestamp,
    /// Until when nobody signs in with the address.
    pub unlock_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
