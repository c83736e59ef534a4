//! Whose turn it is to publish what an outbox holds. Two relays that publish the same would do no harm but to themselves, so a turn
//! is not a lock: whoever does not say for a lease that he goes on has lost it, even if he goes on. One row that is written before
//! some thousand events are sent costs less than a mark on each of them, and keeps them in their order.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use tokio::time::Instant;

use crate::clock::micros;
use crate::{Database, Timestamp, database};

/// The turn at an outbox.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox_turn")]
pub struct Model {
    /// [`ONLY`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// The relay that had it last.
    pub holder: Uuid,
    /// Until when it is that relay's.
    pub end_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

/// The id of the only row, which the migration writes.
pub(crate) const ONLY: i32 = 1;

/// The relay's turn.
pub(super) struct Turn<'a> {
    database: &'a Database,
    holder: Uuid,
    lease: Duration,
    taken: Instant,
}

impl<'a> Turn<'a> {
    /// The turn, unless it is another's.
    pub(super) async fn take(
        database: &'a Database,
        holder: Uuid,
        lease: Duration,
    ) -> Result<Option<Self>, DbErr> {
        let mut turn = Self { database, holder, lease, taken: Instant::now() };
        Ok(turn.prolong().await?.then_some(turn))
    }

    /// Goes on for another lease once half of it is over. `false`: it is another's.
    pub(super) async fn keep(&mut self) -> Result<bool, DbErr> {
        if self.taken.elapsed() < self.lease / 2 { Ok(true) } else { self.prolong().await }
    }

    async fn prolong(&mut self) -> Result<bool, DbErr> {
        let now = || database::now(&**self.database);
        let taken = Instant::now();
        let change = Entity::update_many()
            .col_expr(Column::Holder, Expr::value(self.holder))
            .col_expr(Column::EndTime, now().add(micros(self.lease)))
            .filter(Column::Holder.eq(self.holder).or(Expr::col(Column::EndTime).lte(now())));
        let mine = change.exec(&**self.database).await?.rows_affected > 0;
        self.taken = taken;
        Ok(mine)
    }

    /// Lets the next relay in at once.
    pub(super) async fn leave(self) -> Result<(), DbErr> {
        Entity::update_many()
            .col_expr(Column::EndTime, Expr::value(Timestamp(0)))
            .filter(Column::Holder.eq(self.holder))
            .exec(&**self.database)
            .await?;
        Ok(())
    }
}
