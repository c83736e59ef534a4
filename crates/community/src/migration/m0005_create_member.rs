use sea_orm_migration::prelude::*;

use crate::entity::community;
use crate::entity::member::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::CommunityId).uuid().not_null())
            .col(ColumnDef::new(Column::UserId).uuid().not_null())
            .col(ColumnDef::new(Column::State).text().not_null())
            .col(ColumnDef::new(Column::Version).big_integer().not_null())
            .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Column::UpdateTime).big_integer().not_null())
            .primary_key(Index::create().col(Column::CommunityId).col(Column::UserId))
            .foreign_key(
                ForeignKey::create()
                    .name("member_community")
                    .from(Entity, Column::CommunityId)
                    .to(community::Entity, community::Column::Id),
            )
            .to_owned();
        manager.create_table(table).await
    }
}
