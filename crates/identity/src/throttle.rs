//! How often something may happen within a while. What happened is in the tables, so that a restart forgets nothing and all replicas
//! count the same.

use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
};
use usher_runtime::clock::micros;
use usher_runtime::database;

/// How often something may happen.
pub(crate) struct Limit {
    /// As documented with the reason of the refusal.
    pub(crate) name: &'static str,
    /// So many times, at least once.
    pub(crate) most: u64,
    /// Within so long.
    pub(crate) within: Duration,
}

impl Limit {
    /// How long it takes until there may be one more of `rows`, which happened at `time`. None if there may be one now.
    pub(crate) async fn wait<E: EntityTrait>(
        &self,
        reader: &impl ConnectionTrait,
        rows: Select<E>,
        time: E::Column,
    ) -> Result<Option<Duration>, DbErr> {
        let since = database::now(reader).sub(micros(self.within));
        // There may be one more when the oldest of the newest `most` counts no longer.
        let left: Option<i64> = rows
            .select_only()
            .expr_as(Expr::col(time).sub(since.clone()), "left")
            .filter(Expr::col(time).gt(since))
            .order_by_desc(time)
            .offset(self.most.saturating_sub(1))
            .limit(1)
            .into_tuple()
            .one(reader)
            .await?;
        Ok(left.map(|left| Duration::from_micros(u64::try_from(left).unwrap_or(1))))
    }

    /// What is told of this limit, which `subject` met.
    pub(crate) fn met(&self, subject: impl Into<String>, wait: Duration) -> Met {
        // Whole seconds, rounded up: less would be too early.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Met { limit: self.name, subject: subject.into(), retry_delay: Duration::from_secs(seconds) }
    }
}

/// A limit that was met.
#[derive(Debug)]
pub struct Met {
    /// What it is called.
    pub(crate) limit: &'static str,
    /// Whose it is: an account, or a word for whatever calls.
    pub(crate) subject: String,
    /// When there may be one more.
    pub(crate) retry_delay: Duration,
}
