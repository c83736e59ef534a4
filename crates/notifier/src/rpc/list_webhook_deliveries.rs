use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use usher_api::name::WebhookName;
use usher_api::notifier as pb;
use usher_runtime::fields::required;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};

use super::{DEFAULT_PAGE, LARGEST_PAGE};
use crate::access::{WEBHOOKS_LIST, require};
use crate::entity::webhook_delivery::{Column, Entity, State};
use crate::error::Error;
use crate::newest_first::newest_first;
use crate::{Notifier, webhook};

pub(crate) async fn list_webhook_deliveries(
    service: &Notifier,
    caller: &Caller,
    request: pb::ListWebhookDeliveriesRequest,
) -> Result<pb::ListWebhookDeliveriesResponse, Error> {
    let mut violations = Violations::default();
    let parent: Option<WebhookName> = violations.check("parent", request.parent.parse());
    let states: Vec<Option<State>> =
        request.states.iter().map(|number| State::from_number(*number)).collect();
    violations.require(states.iter().all(Option::is_some), "states", "must be known states");
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    let parent = required(parent, &mut violations)?;
    require(service, caller, WEBHOOKS_LIST, parent.community).await?;
    violations.finish()?;
    webhook::find(&*service.database, parent).await?;

    let states: Vec<State> = states.into_iter().flatten().collect();
    let filter = (parent, &states);
    let pages = Pages::new(&service.sealing, &service.random, caller, "ListWebhookDeliveries", &filter);
    let in_states = (!states.is_empty()).then(|| Column::State.is_in(states.iter().copied()));
    let wanted = Condition::all().add(Column::WebhookId.eq(parent.id)).add_option(in_states);
    let page = (request.page_token.as_str(), size);
    let (rows, next_page_token) =
        newest_first(service, &pages, page, Entity::find().filter(wanted), Column::Id, |row| row.id).await?;
    Ok(pb::ListWebhookDeliveriesResponse {
        deliveries: rows.iter().map(|row| row.to_proto(parent)).collect(),
        next_page_token,
    })
}
