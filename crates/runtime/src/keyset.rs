//! Lists that are paged by the place of the last entry in their order, so that every page costs the same however deep it is.

use std::cmp::Ordering;

use sea_orm::Order;
use sea_orm::sea_query::{Condition, Expr, ExprTrait as _, LikeExpr};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What an entry is ordered by, before its id: two may have the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    /// A text in the form to compare by.
    Text(String),
    /// A moment in microseconds.
    Time(i64),
}

/// The last entry of a page.
pub type Cursor = (Key, Uuid);

/// Which way an order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the least to the greatest.
    Ascending,
    /// From the greatest to the least.
    Descending,
}

impl Direction {
    /// As queries say it.
    #[must_use]
    pub fn order(self) -> Order {
        match self {
            Self::Ascending => Order::Asc,
            Self::Descending => Order::Desc,
        }
    }

    /// Compares entries by their place.
    #[must_use]
    pub fn compare(self, one: &Cursor, other: &Cursor) -> Ordering {
        match self {
            Self::Ascending => one.cmp(other),
            Self::Descending => other.cmp(one),
        }
    }

    /// Holds for what comes after `cursor` in the order of `column` and then `id`.
    #[must_use]
    pub fn following(self, column: &Expr, id: &Expr, cursor: &Cursor) -> Condition {
        let (key, last) = cursor;
        let key = || match key {
            Key::Text(text) => Expr::val(text.as_str()),
            Key::Time(time) => Expr::val(*time),
        };
        let (from, beyond, id_beyond) = match self {
            Self::Ascending => (column.clone().gte(key()), column.clone().gt(key()), id.clone().gt(*last)),
            Self::Descending => (column.clone().lte(key()), column.clone().lt(key()), id.clone().lt(*last)),
        };
        // The first condition follows from the second, and lets the database begin at the right place of an index.
        let next = Condition::any().add(beyond).add(column.clone().eq(key()).and(id_beyond));
        Condition::all().add(from).add(next)
    }
}

/// Holds for keys that contain `text`, whatever it consists of.
#[must_use]
pub fn contains(column: Expr, text: &str) -> Expr {
    let plain = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    column.like(LikeExpr::new(format!("%{plain}%")).escape('\\'))
}
