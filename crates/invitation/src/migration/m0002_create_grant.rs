use sea_orm_migration::prelude::*;

use crate::entity::grant::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        manager.create_index(one_live()).await?;
        manager.create_index(by_community()).await
    }
}

fn table() -> TableCreateStatement {
    Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::InvitationId).uuid().not_null())
        .col(ColumnDef::new(Column::CommunityId).uuid().not_null())
        .col(ColumnDef::new(Column::Position).integer().not_null())
        .col(ColumnDef::new(Column::Roles).text().not_null())
        .col(ColumnDef::new(Column::Inheritance).integer().not_null())
        .col(ColumnDef::new(Column::Outcome).integer().not_null())
        .col(ColumnDef::new(Column::EmailCanonical).text().not_null())
        .col(ColumnDef::new(Column::Live).boolean().not_null())
        .primary_key(Index::create().col(Column::InvitationId).col(Column::CommunityId))
        .to_owned()
}

/// One live invitation for each community and address, whatever happens at the same moment.
fn one_live() -> IndexCreateStatement {
    Index::create()
        .name("invitation_grant_one_live")
        .unique()
        .table(Entity)
        .col(Column::CommunityId)
        .col(Column::EmailCanonical)
        .and_where(Expr::col(Column::Live).eq(true))
        .to_owned()
}

/// For lists of one community.
fn by_community() -> IndexCreateStatement {
    Index::create()
        .name("invitation_grant_by_community")
        .table(Entity)
        .col(Column::CommunityId)
        .col(Column::InvitationId)
        .to_owned()
}
