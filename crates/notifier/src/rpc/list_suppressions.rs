use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use usher_api::notifier as pb;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, EmailAddress, Pages, Violations};

use super::{DEFAULT_PAGE, LARGEST_PAGE};
use crate::entity::suppression::{Column, Entity, Model};
use crate::error::Error;
use crate::newest_first::newest_first;
use crate::{Notifier, suppression};

pub(crate) async fn list_suppressions(
    service: &Notifier,
    caller: &Caller,
    request: pb::ListSuppressionsRequest,
) -> Result<pb::ListSuppressionsResponse, Error> {
    let mut violations = Violations::default();
    let asked = Some(request.email.as_str()).filter(|email| !email.is_empty());
    let email: Option<EmailAddress> = asked.and_then(|email| violations.check("email", email.parse()));
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    violations.finish()?;

    let filter = email.as_ref().map(EmailAddress::canonical);
    let pages = Pages::new(&service.sealing, &service.random, caller, "ListSuppressions", &filter);
    let wanted = Condition::all()
        .add(suppression::live(&*service.database))
        .add_option(email.map(|email| Column::AddressKey.eq(suppression::key(service, &email))));
    let page = (request.page_token.as_str(), size);
    let (rows, next_page_token) =
        newest_first(service, &pages, page, Entity::find().filter(wanted), Column::Id, |row| row.id).await?;
    Ok(pb::ListSuppressionsResponse {
        suppressions: rows.iter().map(Model::to_proto).collect(),
        next_page_token,
    })
}
