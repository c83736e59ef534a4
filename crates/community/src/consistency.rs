//! Tokens by which a check can ask to be answered by a state that holds a certain write.
//!
//! Every check reads the one database that every write is committed to, so it sees all writes that were answered before it
//! began. A token guards against the one exception: a database that went back, such as a standby that took over before it had
//! received the last commits, or a backup. Then the check is refused instead of answered wrongly.

use sea_orm::sea_query::{Query, SelectStatement};
use sea_orm::{ColumnTrait as _, EntityTrait as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Community;
use crate::entity::revision::{Column, Entity};
use crate::error::Error;
use crate::tree::Held;

/// What the sealing key knows these tokens by.
const PURPOSE: &str = "consistency token";

/// Names one write: the change of a scope with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConsistencyToken {
    scope: Uuid,
    number: i64,
}

impl ConsistencyToken {
    /// The token of the write that holds `held`, as clients see it.
    pub(crate) fn seal(service: &Community, held: Held) -> Result<String, Error> {
        let token = Self { scope: held.scope, number: held.number };
        let plain = serde_json::to_vec(&token).map_err(usher_runtime::Failure::internal)?;
        Ok(service.sealing.seal(&service.random, PURPOSE, &plain))
    }

    /// The token that a request holds, if any.
    pub(crate) fn open(service: &Community, text: &str) -> Result<Option<Self>, Error> {
        if text.is_empty() {
            return Ok(None);
        }
        let plain = service.sealing.open(PURPOSE, text).ok_or(Error::ConsistencyTokenInvalid)?;
        serde_json::from_slice(&plain).map(Some).map_err(|_| Error::ConsistencyTokenInvalid)
    }

    /// Selects the number of the last change of the scope.
    pub(crate) fn reached_query(&self) -> SelectStatement {
        Query::select().column(Column::Number).from(Entity).and_where(Column::Scope.eq(self.scope)).to_owned()
    }

    /// Refuses a database that was only at the change `reached`.
    pub(crate) fn require(token: Option<&Self>, reached: Option<i64>) -> Result<(), Error> {
        match token {
            Some(token) if reached.is_none_or(|reached| reached < token.number) => {
                Err(Error::ConsistencyNotReached)
            }
            _ => Ok(()),
        }
    }

    /// As [`Self::require`], for the text in a request, by a read of its own. What is read afterwards is as fresh.
    pub(crate) async fn await_write(service: &Community, text: &str) -> Result<(), Error> {
        let Some(token) = Self::open(service, text)? else { return Ok(()) };
        let row = Entity::find_by_id(token.scope).one(&*service.database).await?;
        Self::require(Some(&token), row.map(|row| row.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_went_back_is_refused() {
        let token = ConsistencyToken { scope: Uuid::from_u128(1), number: 7 };
        assert!(ConsistencyToken::require(Some(&token), Some(7)).is_ok());
        assert!(ConsistencyToken::require(Some(&token), Some(8)).is_ok());
        assert!(ConsistencyToken::require(Some(&token), Some(6)).is_err());
        assert!(ConsistencyToken::require(Some(&token), None).is_err());
        assert!(ConsistencyToken::require(None, None).is_ok());
    }
}
