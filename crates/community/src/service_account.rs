//! Service accounts: what requests say of them, and who may see what of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _, QuerySelect as _,
};
use usher_api::community::{self as pb, Inheritance};
use usher_api::name::{CommunityName, ServiceAccountName};
use usher_runtime::{Change, Failure, Violations};
use uuid::Uuid;

use crate::entity::service_account::{Column, Entity, Model};
use crate::entity::{community, program_permission};
use crate::error::{Error, ProgramError};
use crate::{Community, parse, programs, tree};

/// The fields that can be changed.
pub(crate) const FIELDS: [&str; 3] = ["display_name", "description", "state"];

/// Whether a request without a mask changes `field`.
pub(crate) fn is_filled(asked: &pb::ServiceAccount, field: &str) -> bool {
    match field {
        "display_name" => !asked.display_name.is_empty(),
        "description" => !asked.description.is_empty(),
        _ => asked.state != 0,
    }
}

/// Writes the fields of `mask` into `row`, and notes what is wrong with them.
pub(crate) fn apply(
    row: &mut Model,
    asked: &pb::ServiceAccount,
    mask: &BTreeSet<&str>,
    violations: &mut Violations,
) {
    if mask.contains("display_name") {
        row.display_name = violations.text("service_account.display_name", &asked.display_name, 1..=100);
    }
    if mask.contains("description") {
        row.description = violations.text("service_account.description", &asked.description, 0..=1_000);
    }
    row.search_key = parse::search_key(&row.display_name, &row.description);
    if mask.contains("state") {
        row.enabled = asked.state() == pb::ServiceAccountState::Enabled;
        let known = asked.state() != pb::ServiceAccountState::Unspecified;
        violations.require(known, "service_account.state", "must be ENABLED or DISABLED");
    }
}

/// The account.
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    name: ServiceAccountName,
) -> Result<Model, Error> {
    let row = Entity::find_by_id(name.0).one(connection).await?;
    Ok(row.ok_or(ProgramError::ServiceAccountNotFound(name))?)
}

/// The account, which nobody else changes until `change` ends. Trees must be held before it.
pub(crate) async fn hold(change: &Change, name: ServiceAccountName, etag: &str) -> Result<Model, Error> {
    let row = Entity::find_by_id(name.0).lock_exclusive().one(&**change).await?;
    let row = row.ok_or(ProgramError::ServiceAccountNotFound(name))?;
    tree::require_etag(etag, row.version, &name)?;
    Ok(row)
}

/// Holds every tree in which the account was given something: decisions that rest on its authority wait until the change ends.
pub(crate) async fn hold_trees(change: &Change, name: ServiceAccountName) -> Result<(), Error> {
    let given = programs::given_to(&**change, [name.0]).await?;
    let roots: Vec<Uuid> = community::Entity::find()
        .select_only()
        .column(community::Column::RootId)
        .distinct()
        .filter(community::Column::Id.is_in(given.iter().map(|given| given.community_id)))
        .into_tuple()
        .all(&**change)
        .await?;
    // In one order everywhere, so that two changes cannot wait for each other.
    for root in BTreeSet::from_iter(roots) {
        tree::hold(change, CommunityName(root)).await?;
    }
    Ok(())
}

/// Writes what can change of the row, which counts this as a change.
pub(crate) async fn write(service: &Community, change: &Change, row: &mut Model) -> Result<(), Error> {
    row.version += 1;
    row.update_time = service.clock.now();
    let written = Entity::update_many()
        .col_expr(Column::DisplayName, Expr::value(row.display_name.as_str()))
        .col_expr(Column::Description, Expr::value(row.description.as_str()))
        .col_expr(Column::SearchKey, Expr::value(row.search_key.as_str()))
        .col_expr(Column::Enabled, Expr::value(row.enabled))
        .col_expr(Column::Version, Expr::value(row.version))
        .col_expr(Column::UpdateTime, Expr::value(row.update_time))
        .filter(Column::Id.eq(row.id))
        .exec(&**change)
        .await?;
    if written.rows_affected == 1 { Ok(()) } else { Err(Failure::ConcurrentChange.into()) }
}

/// The resources, with what all communities gave them, or `only` this one.
pub(crate) async fn describe(
    connection: &impl ConnectionTrait,
    rows: &[Model],
    only: Option<CommunityName>,
) -> Result<Vec<pb::ServiceAccount>, DbErr> {
    let mut access: HashMap<Uuid, BTreeMap<Uuid, pb::ServiceAccountAccess>> = HashMap::new();
    for given in programs::given_to(connection, rows.iter().map(|row| row.id)).await? {
        if only.is_none_or(|community| community.0 == given.community_id) {
            note(access.entry(given.program_id).or_default(), given);
        }
    }
    let access_of = |row: &Model| access.get(&row.id).into_iter().flat_map(BTreeMap::values).cloned();
    Ok(rows.iter().map(|row| row.to_proto(access_of(row).collect())).collect())
}

fn note(access: &mut BTreeMap<Uuid, pb::ServiceAccountAccess>, given: program_permission::Model) {
    let there = access.entry(given.community_id).or_insert_with(|| pb::ServiceAccountAccess {
        community: CommunityName(given.community_id).to_string(),
        permissions: Vec::new(),
        inheritance: inheritance(given.inherits).into(),
    });
    there.permissions.push(given.permission);
}

pub(crate) fn inheritance(inherits: bool) -> Inheritance {
    if inherits { Inheritance::SelfAndDescendants } else { Inheritance::Self_ }
}
