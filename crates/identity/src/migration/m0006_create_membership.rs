use sea_orm_migration::prelude::*;

use crate::entity::{community_rule, membership};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        use membership::Column;
        let key = Index::create().col(Column::AccountId).col(Column::CommunityId).to_owned();
        let table = Table::create()
            .table(membership::Entity)
            .col(ColumnDef::new(Column::AccountId).uuid().not_null())
            .col(ColumnDef::new(Column::CommunityId).uuid().not_null())
            .col(ColumnDef::new(Column::RootId).uuid().not_null())
            .col(ColumnDef::new(Column::Inherits).boolean().not_null())
            .col(ColumnDef::new(Column::Active).boolean().not_null())
            .col(ColumnDef::new(Column::Version).big_integer().not_null())
            .primary_key(&mut key.clone())
            .to_owned();
        manager.create_table(table).await?;
        create_community_rule(manager).await
    }
}

async fn create_community_rule(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use community_rule::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::CommunityId).uuid().not_null().primary_key())
        .col(ColumnDef::new(Column::RootId).uuid().not_null())
        .col(ColumnDef::new(Column::SessionDuration).big_integer())
        .col(ColumnDef::new(Column::EnforceTwoFactor).boolean().not_null())
        .col(ColumnDef::new(Column::Version).big_integer().not_null())
        .col(ColumnDef::new(Column::Deleted).boolean().not_null())
        .col(ColumnDef::new(Column::CommunityVersion).big_integer().not_null())
        .to_owned();
    manager.create_table(table).await?;
    let by_root = Index::create().name("community_rule_by_root").table(Entity).col(Column::RootId).to_owned();
    manager.create_index(by_root).await
}
