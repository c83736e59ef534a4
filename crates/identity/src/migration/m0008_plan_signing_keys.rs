use sea_orm_migration::prelude::*;

use crate::entity::signing_key::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A first key that an older program makes beside this one signs from the beginning of time.
        let sign_time = ColumnDef::new(Column::SignTime).big_integer().not_null().default(0).to_owned();
        let revoke_time = ColumnDef::new(Column::RevokeTime).big_integer().to_owned();
        // SQLite adds one column at a time.
        for column in [sign_time, revoke_time] {
            manager.alter_table(Table::alter().table(Entity).add_column(column).to_owned()).await?;
        }
        let known =
            Query::update().table(Entity).value(Column::SignTime, Expr::col(Column::CreateTime)).to_owned();
        manager.get_connection().execute(&known).await.map(|_| ())
    }
}
