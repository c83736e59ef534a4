//! What the identity service says of people: a copy, for lists that are ordered, searched and paged here. And whether their accounts
//! can be used.

use sea_orm::entity::prelude::*;
use usher_api::community::AccountState;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A person. What is copied never decides about access; `state`, which is this service's own, decides whether he can be a member.
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
    /// Whether his account can be used.
    pub state: State,
    /// Counts the changes of `state`.
    pub state_version: i64,
    /// When his account is destroyed, if it is deleted.
    pub purge_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}

/// Whether an account can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum State {
    /// It can.
    #[sea_orm(string_value = "active")]
    Active,
    /// It cannot.
    #[sea_orm(string_value = "deactivated")]
    Deactivated,
    /// It cannot, and will be destroyed.
    #[sea_orm(string_value = "deleted")]
    Deleted,
}

impl From<State> for AccountState {
    fn from(state: State) -> Self {
        match state {
            State::Active => Self::Active,
            State::Deactivated => Self::Deactivated,
            State::Deleted => Self::Deleted,
        }
    }
}
