use std::collections::HashMap;

use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_runtime::{EmailAddress, Violations};

use crate::Identity;
use crate::entity::account::{Column, Entity, Model};
use crate::error::Error;

const MOST_EMAILS: usize = 200;

pub(crate) async fn batch_lookup_users(
    service: &Identity,
    request: pb::BatchLookupUsersRequest,
) -> Result<pb::BatchLookupUsersResponse, Error> {
    let mut violations = Violations::default();
    let number_fits = (1..=MOST_EMAILS).contains(&request.emails.len());
    violations.require(number_fits, "emails", format_args!("must hold 1 to {MOST_EMAILS} addresses"));
    let mut emails: Vec<EmailAddress> = Vec::new();
    for (place, email) in request.emails.iter().enumerate().take(MOST_EMAILS) {
        emails.extend(violations.check(format!("emails[{place}]"), email.parse::<EmailAddress>()));
    }
    violations.finish()?;

    let asked = emails.iter().map(EmailAddress::canonical);
    let rows = Entity::find().filter(Column::EmailCanonical.is_in(asked)).all(&*service.database).await?;
    let found: HashMap<&str, _> = rows.iter().map(|row| (&*row.email_canonical, row)).collect();
    let of_email = |email: &EmailAddress| {
        let row = found.get(email.canonical()).copied();
        pb::LookedUpUser { user: row.map(Model::to_proto) }
    };
    Ok(pb::BatchLookupUsersResponse { users: emails.iter().map(of_email).collect() })
}
