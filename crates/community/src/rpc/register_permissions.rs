use std::collections::HashSet;

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use usher_api::community as pb;
use usher_runtime::{Caller, Change, Failure, Violations};

use crate::consistency::ConsistencyToken;
use crate::entity::permission::{ActiveModel, Category, Column, Entity, Model};
use crate::error::Error;
use crate::event::{self, PermissionFact};
use crate::parse::PERMISSION_LENGTH;
use crate::{Community, catalogue, tree};

const MOST_PERMISSIONS: usize = 200;
const DESCRIPTION_LENGTH: std::ops::RangeInclusive<usize> = 1..=500;

pub(crate) async fn register_permissions(
    service: &Community,
    caller: &Caller,
    request: pb::RegisterPermissionsRequest,
) -> Result<pb::RegisterPermissionsResponse, Error> {
    let owner = caller.service.as_deref().ok_or(Failure::TokenMissing)?;
    let mut violations = Violations::default();
    let rows = parse(owner, &request.permissions, &mut violations);
    violations.finish()?;
    if let Some(own) = rows.iter().find(|row| catalogue::is_own(&row.name)) {
        let (permission, service) = (own.name.clone(), catalogue::OWNER.to_owned());
        return Err(Error::PermissionTaken { permission, service });
    }

    let change = service.database.change().await?;
    let held = tree::hold_catalogue(&change).await?;
    let news = news(&change, owner, &rows).await?;
    let held = if news.is_empty() {
        // Services register whenever they start. What changes nothing is no change, and nobody hears of it.
        held.unchanged()
    } else {
        write(&change, &news).await?;
        let (names, now) = (news.iter().map(|row| row.name.as_str()), service.clock.now());
        event::of_permissions(service, &change, names, held.number, PermissionFact::Registered, now).await?;
        change.commit().await?;
        held
    };
    tracing::info!(owner, permissions = news.len(), "permissions of {owner} registered");
    let permissions = rows.iter().map(Model::to_proto).collect();
    let consistency_token = ConsistencyToken::seal(service, held)?;
    Ok(pb::RegisterPermissionsResponse { permissions, consistency_token })
}

fn parse(owner: &str, asked: &[pb::Permission], violations: &mut Violations) -> Vec<Model> {
    let number_fits = (1..=MOST_PERMISSIONS).contains(&asked.len());
    violations.require(
        number_fits,
        "permissions",
        format_args!("must hold 1 to {MOST_PERMISSIONS} permissions"),
    );
    let mut named = HashSet::new();
    let mut rows = Vec::new();
    for (index, permission) in asked.iter().enumerate().take(MOST_PERMISSIONS) {
        let at = |part: &str| format!("permissions[{index}].{part}");
        let name = permission.name.as_str();
        let form = "must be of the form `{resource}.{verb}`, lower camel case letters, at most 64 characters";
        violations.require(is_name(name), at("name"), form);
        violations.require(named.insert(name), at("name"), "must not be named twice");
        let category = Category::from_proto(permission.category);
        violations.require(category.is_some(), at("category"), "must be VIEW, MANAGE or ADMIN");
        let description = violations.text(&at("description"), &permission.description, DESCRIPTION_LENGTH);
        rows.extend(category.map(|category| Model {
            name: name.to_owned(),
            category,
            description,
            service: owner.to_owned(),
        }));
    }
    rows
}

fn is_name(text: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|character| character.is_ascii_alphanumeric())
    };
    text.len() <= *PERMISSION_LENGTH.end()
        && text.split_once('.').is_some_and(|(resource, verb)| is_word(resource) && is_word(verb))
}

/// Those of `rows` that the catalogue, which is held, does not have like this.
async fn news<'r>(change: &Change, owner: &str, rows: &'r [Model]) -> Result<Vec<&'r Model>, Error> {
    let known = Entity::find()
        .filter(Column::Name.is_in(rows.iter().map(|row| row.name.as_str())))
        .order_by_asc(Column::Name)
        .all(&**change)
        .await?;
    if let Some(taken) = known.iter().find(|row| row.service != owner) {
        let (permission, service) = (taken.name.clone(), taken.service.clone());
        return Err(Error::PermissionTaken { permission, service });
    }
    Ok(rows.iter().filter(|row| !known.contains(row)).collect())
}

async fn write(change: &Change, rows: &[&Model]) -> Result<(), Error> {
    let overwrite =
        OnConflict::column(Column::Name).update_columns([Column::Category, Column::Description]).to_owned();
    Entity::insert_many(rows.iter().map(|row| ActiveModel::from((*row).clone()).reset_all()))
        .on_conflict(overwrite)
        .exec_without_returning(&**change)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_are_two_words() {
        for good in ["alerts.view", "apiKeys.revoke", "a.b2"] {
            assert!(is_name(good), "{good}");
        }
        let long = format!("{}.view", "a".repeat(60));
        for bad in
            ["", "alerts", "alerts.", ".view", "Alerts.view", "alerts.View", "a.b.c", "a b.c", "ä.b", &long]
        {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
