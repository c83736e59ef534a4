use sea_orm_migration::prelude::*;

use crate::entity::acceptance::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::InvitationId).uuid().not_null().primary_key())
            .col(ColumnDef::new(Column::RootId).uuid().not_null())
            .col(ColumnDef::new(Column::ClaimId).uuid().not_null())
            .col(ColumnDef::new(Column::InviteeId).uuid().not_null())
            .col(ColumnDef::new(Column::Proof).text().not_null())
            .col(ColumnDef::new(Column::SessionId).uuid())
            .col(ColumnDef::new(Column::TermsVersion).text().not_null())
            .col(ColumnDef::new(Column::ConfirmedFingerprint).text().not_null())
            .col(ColumnDef::new(Column::SourceAddress).text())
            .col(ColumnDef::new(Column::ConsentTime).big_integer().not_null())
            .col(ColumnDef::new(Column::AcceptTime).big_integer())
            .to_owned();
        let by_time = Index::create()
            .name("acceptance_by_time")
            .table(Entity)
            .col(Column::RootId)
            .col(Column::AcceptTime)
            .col(Column::InvitationId)
            .to_owned();
        manager.create_table(table).await?;
        manager.create_index(by_time).await
    }
}
