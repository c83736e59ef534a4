use sea_orm_migration::prelude::*;

use crate::entity::signing_key::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Kid).text().not_null().primary_key())
            .col(ColumnDef::new(Column::PublicKey).text().not_null())
            .col(ColumnDef::new(Column::SealedPrivateKey).text().not_null())
            .col(ColumnDef::new(Column::Signs).boolean().not_null())
            .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Column::RetireTime).big_integer())
            .to_owned();
        manager.create_table(table).await?;
        // Of two replicas that make the first key at once, one wins.
        let one_signs = Index::create()
            .name("signing_key_one_signs")
            .unique()
            .table(Entity)
            .col(Column::Signs)
            .and_where(Expr::col(Column::Signs).eq(true))
            .to_owned();
        manager.create_index(one_signs).await
    }
}
