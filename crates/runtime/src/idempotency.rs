//! A write that is repeated with the same `request_id` gets the first answer and changes nothing (AIP-155).

use prost::Message;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait};
use uuid::Uuid;

use crate::{Caller, Change, Clock, Failure, SealingKey, Timestamp, Violations};

/// What was answered to a request. One row for each caller, method and request id.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "answered_request")]
pub struct Model {
    /// Who called: a request id of one caller means nothing to another.
    #[sea_orm(primary_key, auto_increment = false)]
    pub caller: String,
    /// The RPC.
    #[sea_orm(primary_key, auto_increment = false)]
    pub method: String,
    /// What the caller chose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: Uuid,
    /// A keyed hash of the request, which may hold a password.
    pub fingerprint: Vec<u8>,
    /// The encoded answer. Empty only within the transaction that makes it.
    pub answer: Vec<u8>,
    /// When it was first asked.
    pub create_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

/// One request of one caller. Without a `request_id`, every call is new.
#[derive(Debug)]
pub struct Once {
    caller: String,
    method: &'static str,
    request_id: Option<Uuid>,
    fingerprint: Vec<u8>,
    now: Timestamp,
}

impl Once {
    /// `request` must be the whole message: the same id with another content is refused.
    pub fn new(
        key: &SealingKey,
        clock: &Clock,
        caller: &Caller,
        method: &'static str,
        request_id: Option<Uuid>,
        request: &impl Message,
    ) -> Self {
        let encoded = request.encode_to_vec();
        Self {
            caller: caller.to_string(),
            method,
            request_id,
            fingerprint: key.fingerprint("request", &[&encoded]),
            now: clock.now(),
        }
    }

    /// The first answer, if there was one. For RPCs that ask neighbours before they change anything, so that a repeated
    /// call does not depend on what the neighbours say by then, and for those that can take the caller's own authority.
    pub async fn earlier_answer<A: Message + Default>(
        &self,
        connection: &impl ConnectionTrait,
    ) -> Result<Option<A>, Failure> {
        let Some(request_id) = self.request_id else { return Ok(None) };
        let id = (self.caller.clone(), self.method.to_owned(), request_id);
        let Some(row) = Entity::find_by_id(id).one(connection).await? else { return Ok(None) };
        if row.fingerprint != self.fingerprint {
            return Err(Failure::RequestIdReused { request_id: request_id.to_string() });
        }
        A::decode(row.answer.as_slice()).map(Some).map_err(Failure::internal)
    }

    /// Reserves the request id within `change`, or returns the first answer. Of several calls at the same moment one
    /// passes; the others wait here until it has committed. Call it before anything is written.
    pub async fn begin<A: Message + Default>(&self, change: &Change) -> Result<Option<A>, Failure> {
        let Some(request_id) = self.request_id else { return Ok(None) };
        let row = ActiveModel {
            caller: Set(self.caller.clone()),
            method: Set(self.method.to_owned()),
            request_id: Set(request_id),
            fingerprint: Set(self.fingerprint.clone()),
            answer: Set(Vec::new()),
            create_time: Set(self.now),
        };
        let insert = Entity::insert(row).on_conflict(OnConflict::new().do_nothing().to_owned());
        let inserted = insert.exec_without_returning(&**change).await?;
        if inserted > 0 { Ok(None) } else { self.earlier_answer(&**change).await }
    }

    /// Keeps `answer` and makes `change` last. Must follow [`Self::begin`] on the same change.
    pub async fn commit(&self, change: Change, answer: &impl Message) -> Result<(), Failure> {
        if let Some(request_id) = self.request_id {
            Entity::update_many()
                .col_expr(Column::Answer, Expr::value(answer.encode_to_vec()))
                .filter(Column::Caller.eq(self.caller.as_str()))
                .filter(Column::Method.eq(self.method))
                .filter(Column::RequestId.eq(request_id))
                .exec(&*change)
                .await?;
        }
        Ok(change.commit().await?)
    }
}

/// Forgets the requests that were first asked before `moment`, with their answers: one that comes again is new. Returns how many.
pub async fn forget(connection: &impl ConnectionTrait, moment: Timestamp) -> Result<u64, DbErr> {
    let old = Entity::delete_many().filter(Column::CreateTime.lt(moment));
    Ok(old.exec(connection).await?.rows_affected)
}

/// Reads the field `request_id`: empty, or a UUID that is not nil.
pub fn parse_request_id(text: &str, violations: &mut Violations) -> Option<Uuid> {
    if text.is_empty() {
        return None;
    }
    let id = Uuid::try_parse(text).ok().filter(|id| !id.is_nil());
    violations.require(id.is_some(), "request_id", "must be a UUID, and not all zeros");
    id
}
