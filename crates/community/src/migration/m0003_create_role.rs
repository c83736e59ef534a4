use sea_orm_migration::prelude::*;

use crate::entity::community;
use crate::entity::role::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        manager.create_index(one_of_each_name()).await?;
        manager.create_index(by_community()).await
    }
}

fn table() -> TableCreateStatement {
    Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(Column::CommunityId).uuid().not_null())
        .col(ColumnDef::new(Column::DisplayName).text().not_null())
        .col(ColumnDef::new(Column::DisplayNameKey).text().not_null())
        .col(ColumnDef::new(Column::Description).text().not_null())
        .col(ColumnDef::new(Column::Version).big_integer().not_null())
        .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
        .col(ColumnDef::new(Column::UpdateTime).big_integer().not_null())
        .foreign_key(
            ForeignKey::create()
                .name("role_community")
                .from(Entity, Column::CommunityId)
                .to(community::Entity, community::Column::Id),
        )
        .to_owned()
}

fn one_of_each_name() -> IndexCreateStatement {
    Index::create()
        .name("role_one_of_each_name")
        .unique()
        .table(Entity)
        .col(Column::CommunityId)
        .col(Column::DisplayNameKey)
        .to_owned()
}

/// For lists.
fn by_community() -> IndexCreateStatement {
    Index::create()
        .name("role_by_community")
        .table(Entity)
        .col(Column::CommunityId)
        .col(Column::Id)
        .to_owned()
}
