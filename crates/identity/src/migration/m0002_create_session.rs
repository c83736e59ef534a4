use sea_orm_migration::prelude::*;

use crate::entity::session::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
            .col(ColumnDef::new(Column::AccountId).uuid().not_null())
            .col(ColumnDef::new(Column::FamilyHash).binary().not_null())
            .col(ColumnDef::new(Column::RefreshHash).binary().not_null())
            .col(ColumnDef::new(Column::PreviousRefreshHash).binary())
            .col(ColumnDef::new(Column::RotateTime).big_integer())
            .col(ColumnDef::new(Column::RotateRequestId).uuid())
            .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Column::ExpireTime).big_integer().not_null())
            .col(ColumnDef::new(Column::EndTime).big_integer())
            .to_owned();
        manager.create_table(table).await?;
        // The columns that a refresh changes are in no index, which keeps it cheap.
        let one_of_a_family = Index::create()
            .name("session_one_of_a_family")
            .unique()
            .table(Entity)
            .col(Column::FamilyHash)
            .to_owned();
        manager.create_index(one_of_a_family).await
    }
}
