//! Lists whose entries have ids that rise with time, from the newest to the oldest.

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _, Select};
use usher_runtime::Pages;
use uuid::Uuid;

use crate::Notifier;
use crate::error::Error;

/// The page of `rows` that `token` leads to, of at most `size` entries, and the token of the next one. The id of an entry is in
/// `column`, and told by `id_of`.
pub(crate) async fn newest_first<E: EntityTrait>(
    service: &Notifier,
    pages: &Pages<'_>,
    (token, size): (&str, u64),
    rows: Select<E>,
    column: E::Column,
    id_of: fn(&E::Model) -> Uuid,
) -> Result<(Vec<E::Model>, String), Error> {
    let before: Option<Uuid> = pages.open(token)?;
    let rows = before.map_or(rows.clone(), |before| rows.filter(column.lt(before)));
    let mut rows = rows.order_by_desc(column).limit(size + 1).all(&*service.database).await?;
    let next_page_token = pages.cut(&mut rows, size, id_of)?;
    Ok((rows, next_page_token))
}
