use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};
use sea_orm_migration::prelude::*;
use usher_runtime::fields::name_key;
use uuid::Uuid;

use crate::entity::account::{Column, Entity};
use crate::entity::picture;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ColumnDef::new(Column::NameKey).text().not_null().default("").to_owned(),
            ColumnDef::new(Column::Locale).text().not_null().default("").to_owned(),
            ColumnDef::new(Column::DateFormat).text().to_owned(),
            ColumnDef::new(Column::PictureId).text().not_null().default("").to_owned(),
        ];
        // One at a time, as SQLite asks.
        for column in columns {
            manager.alter_table(Table::alter().table(Entity).add_column(column).to_owned()).await?;
        }
        fill_keys(manager).await?;
        for (name, column) in [("account_by_name", Column::NameKey), ("account_by_time", Column::CreateTime)]
        {
            let index = Index::create().name(name).table(Entity).col(column).col(Column::Id).to_owned();
            manager.create_index(index).await?;
        }
        create_picture(manager).await
    }
}

/// Neither database can make them.
async fn fill_keys(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let names: Vec<(Uuid, String)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::FullName])
        .into_tuple()
        .all(manager.get_connection())
        .await?;
    for (id, name) in names {
        Entity::update_many()
            .col_expr(Column::NameKey, Expr::value(name_key(&name)))
            .filter(Column::Id.eq(id))
            .exec(manager.get_connection())
            .await?;
    }
    Ok(())
}

async fn create_picture(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use picture::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::AccountId).uuid().not_null().primary_key())
        .col(ColumnDef::new(Column::PictureId).text().not_null())
        .col(ColumnDef::new(Column::MediaType).text().not_null())
        .col(ColumnDef::new(Column::Content).binary().not_null())
        .to_owned();
    manager.create_table(table).await
}
