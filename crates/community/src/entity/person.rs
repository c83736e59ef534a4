//! What the identity service says of people: a copy, for lists that are ordered, searched and paged here.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A person. Never decides about access.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "person")]
pub struct Model {
    /// The id of the account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// The version of the account that the copy is of.
    pub version: i64,
    /// The name that others see.
    pub full_name: String,
    /// The address as typed.
    pub email: String,
    /// Whether the mailbox was proven.
    pub email_verified: bool,
    /// How he can sign in, separated by commas.
    pub authentication_methods: String,
    /// When the account was made.
    pub register_time: Timestamp,
    /// When he used Usher last, give or take an hour.
    pub last_seen_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
