use sea_orm_migration::prelude::*;

use crate::entity::role_permission::{Column, Entity};
use crate::entity::{permission, role};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::RoleId).uuid().not_null())
            .col(ColumnDef::new(Column::Permission).text().not_null())
            .primary_key(Index::create().col(Column::RoleId).col(Column::Permission))
            .foreign_key(
                ForeignKey::create()
                    .name("role_permission_role")
                    .from(Entity, Column::RoleId)
                    .to(role::Entity, role::Column::Id),
            )
            .foreign_key(
                ForeignKey::create()
                    .name("role_permission_permission")
                    .from(Entity, Column::Permission)
                    .to(permission::Entity, permission::Column::Name),
            )
            .to_owned();
        manager.create_table(table).await
    }
}
