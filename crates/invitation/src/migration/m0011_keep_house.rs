use sea_orm_migration::prelude::*;

use crate::entity::invitation::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ColumnDef::new(Column::RemindTime).big_integer().to_owned(),
            ColumnDef::new(Column::PurgeTime).big_integer().to_owned(),
            ColumnDef::new(Column::Purged).boolean().not_null().default(false).to_owned(),
        ];
        // One at a time, as SQLite asks.
        for column in columns {
            manager.alter_table(Table::alter().table(Entity).add_column(column).to_owned()).await?;
        }
        // For the sweeper: what is due, however many there are.
        let reminders = Index::create()
            .name("invitation_reminder")
            .table(Entity)
            .col(Column::RemindTime)
            .and_where(Expr::col(Column::RemindTime).is_not_null())
            .to_owned();
        manager.create_index(reminders).await?;
        let unpurged = Index::create()
            .name("invitation_unpurged")
            .table(Entity)
            .col(Column::PurgeTime)
            .and_where(Expr::col(Column::Purged).eq(false))
            .to_owned();
        manager.create_index(unpurged).await
    }
}
