use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};
use sea_orm_migration::prelude::*;
use uuid::Uuid;

use super::{add_columns, ordered_text};
use crate::entity::community::{Column, Entity};
use crate::parse::{name_key, search_key};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ColumnDef::new(Column::State).text().not_null().default("active").to_owned(),
            ordered_text(manager, Column::NameKey).not_null().default("").to_owned(),
            ordered_text(manager, Column::SearchKey).not_null().default("").to_owned(),
            ColumnDef::new(Column::DeleteTime).big_integer().to_owned(),
            ColumnDef::new(Column::PurgeTime).big_integer().to_owned(),
            ColumnDef::new(Column::ImageId).text().not_null().default("").to_owned(),
        ];
        add_columns(manager, Entity, columns).await?;
        fill_keys(manager.get_connection()).await?;
        manager.create_index(by(Column::NameKey, "community_by_name")).await?;
        manager.create_index(by(Column::CreateTime, "community_by_create_time")).await?;
        manager.create_index(stopped()).await?;
        manager.create_index(waiting_for_purge()).await
    }
}

async fn fill_keys(connection: &impl sea_orm::ConnectionTrait) -> Result<(), DbErr> {
    let names = Entity::find().select_only().columns([Column::Id, Column::DisplayName, Column::Description]);
    let names: Vec<(Uuid, String, String)> = names.into_tuple().all(connection).await?;
    for (id, name, description) in names {
        Entity::update_many()
            .col_expr(Column::NameKey, Expr::value(name_key(&name)))
            .col_expr(Column::SearchKey, Expr::value(search_key(&name, &description)))
            .filter(Column::Id.eq(id))
            .exec(connection)
            .await?;
    }
    Ok(())
}

/// For lists in this order.
fn by(column: Column, name: &str) -> IndexCreateStatement {
    Index::create().name(name).table(Entity).col(column).col(Column::Id).to_owned()
}

/// For lists of those that are stopped, which are few among many.
fn stopped() -> IndexCreateStatement {
    Index::create()
        .name("community_stopped")
        .table(Entity)
        .col(Column::State)
        .col(Column::NameKey)
        .col(Column::Id)
        .and_where(Expr::col(Column::State).ne("active"))
        .to_owned()
}

fn waiting_for_purge() -> IndexCreateStatement {
    Index::create()
        .name("community_waiting_for_purge")
        .table(Entity)
        .col(Column::PurgeTime)
        .and_where(Expr::col(Column::PurgeTime).is_not_null())
        .to_owned()
}
