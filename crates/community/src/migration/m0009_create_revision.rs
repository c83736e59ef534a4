use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};
use sea_orm_migration::prelude::*;
use uuid::Uuid;

use crate::entity::community;
use crate::entity::revision::{ActiveModel, Column, Entity};
use crate::tree::CATALOGUE;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Scope).uuid().not_null().primary_key())
            .col(ColumnDef::new(Column::Number).big_integer().not_null())
            .to_owned();
        manager.create_table(table).await?;
        let connection = manager.get_connection();
        let roots: Vec<Uuid> = community::Entity::find()
            .select_only()
            .column(community::Column::Id)
            .filter(community::Column::ParentId.is_null())
            .into_tuple()
            .all(connection)
            .await?;
        for scope in roots.into_iter().chain([CATALOGUE]) {
            let row = ActiveModel { scope: Set(scope), number: Set(1) };
            Entity::insert(row).exec_without_returning(connection).await?;
        }
        Ok(())
    }
}
