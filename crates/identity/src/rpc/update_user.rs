use std::collections::BTreeSet;

use sea_orm::entity::prelude::*;
use unic_langid::LanguageIdentifier;
use usher_api::identity as pb;
use usher_runtime::fields::{name_key, update_mask};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::Identity;
use crate::access::{named_user, require_self};
use crate::account;
use crate::entity::account::{Column, DateFormat};
use crate::error::Error;

const FIELDS: [&str; 3] = ["full_name", "locale", "date_format"];

pub(crate) async fn update_user(
    service: &Identity,
    caller: &Caller,
    request: pb::UpdateUserRequest,
) -> Result<pb::UpdateUserResponse, Error> {
    let asked = request.user.clone().unwrap_or_default();
    let name = named_user(caller, "user.name", &asked.name)?;
    require_self(caller, name, "users.update")?;
    let mut violations = Violations::default();
    let filled = |field: &str| match field {
        "full_name" => !asked.full_name.is_empty(),
        "locale" => !asked.locale.is_empty(),
        _ => asked.date_format != 0,
    };
    let mask = update_mask(request.update_mask.as_ref(), &FIELDS, filled, &mut violations);
    let columns = parse(&asked, &mask, &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "UpdateUser", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let row = account::hold(&change, name).await?;
    account::require_etag(&asked.etag, &row)?;
    let row = account::write(service, &change, row.id, columns, "user.updated").await?;
    let answer = pb::UpdateUserResponse { user: Some(row.to_proto()) };
    once.commit(change, &answer).await?;
    tracing::info!(user = %name, "account {} updated", row.id);
    Ok(answer)
}

/// The columns that change, and what they become.
fn parse(asked: &pb::User, mask: &BTreeSet<&str>, violations: &mut Violations) -> Vec<(Column, Expr)> {
    let mut columns = Vec::new();
    for field in mask {
        match *field {
            "full_name" => {
                let full_name = violations.text("user.full_name", &asked.full_name, 1..=200);
                columns.push((Column::NameKey, Expr::value(name_key(&full_name))));
                columns.push((Column::FullName, Expr::value(full_name)));
            }
            "locale" => {
                columns.push((
                    Column::Locale,
                    Expr::value(parse_locale("user.locale", &asked.locale, violations)),
                ));
            }
            _ => {
                let format = violations.check("user.date_format", DateFormat::from_proto(asked.date_format));
                columns.push((Column::DateFormat, Expr::value(format.flatten())));
            }
        }
    }
    columns
}

/// A BCP 47 tag in its canonical spelling, or nothing.
pub(super) fn parse_locale(field: &str, text: &str, violations: &mut Violations) -> String {
    if text.is_empty() {
        return String::new();
    }
    let parsed: Option<LanguageIdentifier> = text.parse().ok();
    violations.require(parsed.is_some(), field, "must be a language tag such as `de` or `pt-BR`");
    parsed.map(|tag| tag.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_one_spelling() {
        let parsed = |text| {
            let mut violations = Violations::default();
            (parse_locale("locale", text, &mut violations), violations.iter().count())
        };
        assert_eq!(parsed("PT_br"), ("pt-BR".to_owned(), 0));
        assert_eq!(parsed(""), (String::new(), 0));
        assert_eq!((parsed("german language").1, parsed(&"a".repeat(100)).1), (1, 1));
    }
}
