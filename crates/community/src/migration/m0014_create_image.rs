use sea_orm_migration::prelude::*;

use crate::entity::community;
use crate::entity::image::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::CommunityId).uuid().not_null().primary_key())
            .col(ColumnDef::new(Column::ImageId).text().not_null())
            .col(ColumnDef::new(Column::MediaType).text().not_null())
            .col(ColumnDef::new(Column::Content).binary().not_null())
            .foreign_key(
                ForeignKey::create()
                    .name("community_image_community")
                    .from(Entity, Column::CommunityId)
                    .to(community::Entity, community::Column::Id),
            )
            .to_owned();
        manager.create_table(table).await
    }
}
