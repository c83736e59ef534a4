use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use usher_api::name::{InvitationName, MailName};
use usher_api::notifier as pb;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};

use super::{DEFAULT_PAGE, LARGEST_PAGE};
use crate::Notifier;
use crate::entity::delivery::{Column, Entity, Kind, Model, State};
use crate::error::Error;
use crate::newest_first::newest_first;

pub(crate) async fn list_deliveries(
    service: &Notifier,
    caller: &Caller,
    request: pb::ListDeliveriesRequest,
) -> Result<pb::ListDeliveriesResponse, Error> {
    let mut violations = Violations::default();
    let asked = Some(request.invitation.as_str()).filter(|name| !name.is_empty());
    let invitation: Option<InvitationName> =
        asked.and_then(|name| violations.check("invitation", name.parse()));
    let asked = Some(request.mail.as_str()).filter(|name| !name.is_empty());
    let mail: Option<MailName> = asked.and_then(|name| violations.check("mail", name.parse()));
    let states = parse("states", &request.states, State::from_number, &mut violations);
    let kinds = parse("kinds", &request.kinds, Kind::from_number, &mut violations);
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    violations.finish()?;

    let filter = (invitation, mail, &states, &kinds);
    let pages = Pages::new(&service.sealing, &service.random, caller, "ListDeliveries", &filter);
    let wanted = Condition::all()
        .add_option(invitation.map(|name| Column::Invitation.eq(name.to_string())))
        .add_option(mail.map(|name| Column::Mail.eq(name.to_string())))
        .add_option((!states.is_empty()).then(|| Column::State.is_in(states)))
        .add_option((!kinds.is_empty()).then(|| Column::Kind.is_in(kinds)));
    let page = (request.page_token.as_str(), size);
    let (rows, next_page_token) =
        newest_first(service, &pages, page, Entity::find().filter(wanted), Column::Id, |row| row.id).await?;
    Ok(pb::ListDeliveriesResponse { deliveries: rows.iter().map(Model::to_proto).collect(), next_page_token })
}

/// The values that a repeated field names by number.
fn parse<T>(field: &str, numbers: &[i32], read: fn(i32) -> Option<T>, violations: &mut Violations) -> Vec<T> {
    let mut values = Vec::new();
    for (index, number) in numbers.iter().enumerate() {
        match read(*number) {
            Some(value) => values.push(value),
            None => violations.add(format!("{field}[{index}]"), "must be a known value"),
        }
    }
    values
}
