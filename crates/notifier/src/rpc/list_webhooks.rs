use sea_orm::entity::prelude::*;
use usher_api::name::CommunityName;
use usher_api::notifier as pb;
use usher_runtime::fields::required;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};

use super::{DEFAULT_PAGE, LARGEST_PAGE};
use crate::Notifier;
use crate::access::{WEBHOOKS_LIST, require};
use crate::entity::webhook::{Column, Entity, Model};
use crate::error::Error;
use crate::newest_first::newest_first;

pub(crate) async fn list_webhooks(
    service: &Notifier,
    caller: &Caller,
    request: pb::ListWebhooksRequest,
) -> Result<pb::ListWebhooksResponse, Error> {
    let mut violations = Violations::default();
    let parent: Option<CommunityName> = violations.check("parent", request.parent.parse());
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    let parent = required(parent, &mut violations)?;
    require(service, caller, WEBHOOKS_LIST, parent).await?;
    violations.finish()?;

    let pages = Pages::new(&service.sealing, &service.random, caller, "ListWebhooks", &parent);
    let page = (request.page_token.as_str(), size);
    let wanted = Entity::find().filter(Column::CommunityId.eq(parent.0));
    let (rows, next_page_token) =
        newest_first(service, &pages, page, wanted, Column::Id, |row| row.id).await?;
    Ok(pb::ListWebhooksResponse { webhooks: rows.iter().map(Model::to_proto).collect(), next_page_token })
}
