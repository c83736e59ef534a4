use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use sea_orm_migration::prelude::*;

use crate::entity::account::{Column, Entity};
use crate::entity::link;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = ColumnDef::new(Column::HasLink).boolean().not_null().default(false).to_owned();
        manager.alter_table(Table::alter().table(Entity).add_column(column).to_owned()).await?;
        let linked = Query::select().column(link::Column::AccountId).from(link::Entity).to_owned();
        Entity::update_many()
            .col_expr(Column::HasLink, Expr::value(true))
            .filter(Column::Id.in_subquery(linked))
            .exec(manager.get_connection())
            .await?;
        Ok(())
    }
}
