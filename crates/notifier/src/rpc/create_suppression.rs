use sea_orm::entity::prelude::*;
use usher_api::notifier as pb;
use usher_runtime::fields::required;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, EmailAddress, Once, Violations};

use crate::entity::suppression::{ActiveModel, Column, Entity, Model, Reason};
use crate::error::Error;
use crate::{Notifier, suppression};

/// The longest note, in characters.
const NOTE_LENGTH: std::ops::RangeInclusive<usize> = 0..=200;

pub(crate) async fn create_suppression(
    service: &Notifier,
    caller: &Caller,
    request: pb::CreateSuppressionRequest,
) -> Result<pb::CreateSuppressionResponse, Error> {
    let mut violations = Violations::default();
    let asked = request.suppression.clone().unwrap_or_default();
    let email: Option<EmailAddress> = violations.check("suppression.email", asked.email.parse());
    let note = violations.text("suppression.note", &asked.note, NOTE_LENGTH);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let email = required(email, &mut violations)?;
    violations.finish()?;
    let once = Once::new(&service.sealing, &service.clock, caller, "CreateSuppression", request_id, &request);

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let address_key = suppression::key(service, &email);
    suppression::forget_ended(&change, address_key.clone()).await?;
    let present = Entity::find().filter(Column::AddressKey.eq(address_key.clone())).one(&*change).await?;
    if let Some(present) = present {
        return Err(Error::SuppressionExists(present.name()));
    }
    let now = service.clock.now();
    let row = Model {
        id: service.random.uuid(now),
        address_key,
        masked_email: email.masked(),
        reason: Reason::Administrator,
        note,
        delivery_id: None,
        create_time: now,
        expire_time: None,
    };
    let answer = pb::CreateSuppressionResponse { suppression: Some(row.to_proto()) };
    let name = row.name();
    Entity::insert(ActiveModel::from(row).reset_all()).exec_without_returning(&*change).await?;
    once.commit(change, &answer).await?;
    tracing::info!(suppression = %name, "{name} made by {caller}");
    Ok(answer)
}
