//! Whose turn it is to publish what an outbox holds. Two relays that publish the same would do no harm but to themselves, so a turn
//! is not a lock: whoever does not say in time that he goes on has lost it, even if he goes on. One row that is written before some
//! thousand events are sent costs less than a mark on each of them, and keeps them in their order.

use std::time::Duration;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use tokio_util::sync::CancellationToken;

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

/// The id of the only row.
const ONLY: i32 = 1;
/// How often a turn is prolonged while its lease lasts.
const RENEWALS: u32 = 4;

/// A relay's turn.
pub(super) struct Turn<'a> {
    database: &'a Database,
    holder: Uuid,
    lease: Duration,
}

impl<'a> Turn<'a> {
    /// The turn, unless it is another's.
    pub(super) async fn take(
        database: &'a Database,
        holder: Uuid,
        lease: Duration,
    ) -> Result<Option<Self>, DbErr> {
        let turn = Self { database, holder, lease };
        Ok(turn.prolong().await?.then_some(turn))
    }

    /// Prolongs it until `over`, which fires also if that fails, or it is another's by now.
    pub(super) async fn hold(&self, over: &CancellationToken) -> Result<(), DbErr> {
        let _ends = over.clone().drop_guard();
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.lease / RENEWALS) => {}
                () = over.cancelled() => return Ok(()),
            }
            if !self.prolong().await? {
                return Ok(());
            }
        }
    }

    /// Whether it is this relay's for another lease.
    async fn prolong(&self) -> Result<bool, DbErr> {
        let now = || database::now(&**self.database);
        // The first of all turns ends at once: a row is told no time of the database.
        let first = ActiveModel { id: Set(ONLY), holder: Set(self.holder), end_time: Set(Timestamp(0)) };
        let (holder, end) = (Expr::col((Entity, Column::Holder)), Expr::col((Entity, Column::EndTime)));
        let next = OnConflict::column(Column::Id)
            .value(Column::Holder, self.holder)
            .value(Column::EndTime, now().add(micros(self.lease)))
            .action_and_where(holder.eq(self.holder).or(end.lte(now())))
            .to_owned();
        let taken = Entity::insert(first).on_conflict(next).exec_without_returning(&**self.database).await?;
        Ok(taken > 0)
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
