use sea_orm_migration::prelude::*;

use crate::entity::community::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        manager.create_index(by_parent()).await
    }
}

fn table() -> TableCreateStatement {
    Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(Column::Kind).text().not_null())
        .col(ColumnDef::new(Column::ParentId).uuid())
        .col(ColumnDef::new(Column::RootId).uuid().not_null())
        .col(ColumnDef::new(Column::DisplayName).text().not_null())
        .col(ColumnDef::new(Column::Description).text().not_null())
        .col(ColumnDef::new(Column::WebsiteUri).text().not_null())
        .col(ColumnDef::new(Column::Version).big_integer().not_null())
        .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
        .col(ColumnDef::new(Column::UpdateTime).big_integer().not_null())
        .foreign_key(
            ForeignKey::create()
                .name("community_parent")
                .from(Entity, Column::ParentId)
                .to(Entity, Column::Id),
        )
        .to_owned()
}

/// For lists of what is inside.
fn by_parent() -> IndexCreateStatement {
    Index::create().name("community_by_parent").table(Entity).col(Column::ParentId).to_owned()
}
