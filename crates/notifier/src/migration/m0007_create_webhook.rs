use sea_orm_migration::prelude::*;

use crate::entity::webhook::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
            .col(ColumnDef::new(Column::CommunityId).uuid().not_null())
            .col(ColumnDef::new(Column::Url).text().not_null())
            .col(ColumnDef::new(Column::Description).text().not_null())
            .col(ColumnDef::new(Column::EventTypes).text().not_null())
            .col(ColumnDef::new(Column::DisableReason).text())
            .col(ColumnDef::new(Column::SealedSecret).text().not_null())
            .col(ColumnDef::new(Column::SecretTime).big_integer().not_null())
            .col(ColumnDef::new(Column::EarlierSealedSecret).text())
            .col(ColumnDef::new(Column::EarlierSecretEnd).big_integer())
            .col(ColumnDef::new(Column::FailingSince).big_integer())
            .col(ColumnDef::new(Column::Version).big_integer().not_null())
            .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Column::UpdateTime).big_integer().not_null())
            .to_owned();
        manager.create_table(table).await?;
        let by_community = Index::create()
            .name("webhook_by_community")
            .table(Entity)
            .col(Column::CommunityId)
            .col(Column::Id)
            .to_owned();
        manager.create_index(by_community).await
    }
}
