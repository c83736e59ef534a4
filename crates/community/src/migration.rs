//! The steps that make the tables of this service, one file each.

mod m0001_create_community;
mod m0002_create_permission;
mod m0003_create_role;
mod m0004_create_role_permission;
mod m0005_create_member;
mod m0006_create_member_role;
mod m0007_insert_own_permissions;
mod m0008_extend_community;
mod m0009_create_revision;
mod m0010_create_person;
mod m0011_extend_member;
mod m0012_extend_member_role;
mod m0013_create_settings;
mod m0014_create_image;
mod m0015_create_offer;
mod m0016_index_role_permission;
mod m0017_extend_person;
mod m0018_insert_connections_permission;
mod m0020_insert_two_factor_permission;
mod m0021_add_role_drift;
mod m0022_insert_acceptances_permission;
mod m0023_extend_settings;
mod m0024_create_seat_reservation;
mod m0025_create_program;
mod m0026_add_annotations;
mod m0027_insert_webhooks_permissions;

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

/// All steps, the runtime's first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut steps = usher_runtime::migration::steps();
        steps.push(Box::new(m0001_create_community::Migration));
        steps.push(Box::new(m0002_create_permission::Migration));
        steps.push(Box::new(m0003_create_role::Migration));
        steps.push(Box::new(m0004_create_role_permission::Migration));
        steps.push(Box::new(m0005_create_member::Migration));
        steps.push(Box::new(m0006_create_member_role::Migration));
        steps.push(Box::new(m0007_insert_own_permissions::Migration));
        steps.push(Box::new(m0008_extend_community::Migration));
        steps.push(Box::new(m0009_create_revision::Migration));
        steps.push(Box::new(m0010_create_person::Migration));
        steps.push(Box::new(m0011_extend_member::Migration));
        steps.push(Box::new(m0012_extend_member_role::Migration));
        steps.push(Box::new(m0013_create_settings::Migration));
        steps.push(Box::new(m0014_create_image::Migration));
        steps.push(Box::new(m0015_create_offer::Migration));
        steps.push(Box::new(m0016_index_role_permission::Migration));
        steps.push(Box::new(m0017_extend_person::Migration));
        steps.push(Box::new(m0018_insert_connections_permission::Migration));
        steps.push(Box::new(m0020_insert_two_factor_permission::Migration));
        steps.push(Box::new(m0021_add_role_drift::Migration));
        steps.push(Box::new(m0022_insert_acceptances_permission::Migration));
        steps.push(Box::new(m0023_extend_settings::Migration));
        steps.push(Box::new(m0024_create_seat_reservation::Migration));
        steps.push(Box::new(m0025_create_program::Migration));
        steps.push(Box::new(m0026_add_annotations::Migration));
        steps.push(Box::new(m0027_insert_webhooks_permissions::Migration));
        steps
    }
}

/// Adds columns one by one: SQLite takes no more at a time.
async fn add_columns<const N: usize>(
    manager: &SchemaManager<'_>,
    table: impl IntoTableRef + Copy,
    columns: [ColumnDef; N],
) -> Result<(), DbErr> {
    for mut column in columns {
        manager.alter_table(Table::alter().table(table).add_column(&mut column).to_owned()).await?;
    }
    Ok(())
}

/// A text to order by, which must come in the same order everywhere: that of its bytes. SQLite does so by itself; PostgreSQL
/// would go by the language that the database was made with.
fn ordered_text(manager: &SchemaManager<'_>, column: impl IntoIden) -> ColumnDef {
    let mut text = ColumnDef::new(column);
    match manager.get_database_backend() {
        DbBackend::Postgres => text.custom(Alias::new("text COLLATE \"C\"")),
        _ => text.text(),
    };
    text
}
