use sea_orm_migration::prelude::*;

use crate::entity::role_permission::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// For which roles hold a permission.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let by_permission = Index::create()
            .name("role_permission_by_permission")
            .table(Entity)
            .col(Column::Permission)
            .col(Column::RoleId)
            .to_owned();
        manager.create_index(by_permission).await
    }
}
