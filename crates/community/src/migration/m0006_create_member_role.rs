use sea_orm_migration::prelude::*;

use crate::entity::member;
use crate::entity::member_role::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        manager.create_index(by_user()).await
    }
}

/// The role has no foreign key: built-in roles have no rows.
fn table() -> TableCreateStatement {
    Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::CommunityId).uuid().not_null())
        .col(ColumnDef::new(Column::UserId).uuid().not_null())
        .col(ColumnDef::new(Column::RoleId).text().not_null())
        .col(ColumnDef::new(Column::Inherits).boolean().not_null())
        .col(ColumnDef::new(Column::Invitation).text().not_null())
        .col(ColumnDef::new(Column::GrantedBy).uuid().not_null())
        .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
        .primary_key(
            Index::create()
                .col(Column::CommunityId)
                .col(Column::UserId)
                .col(Column::RoleId)
                .col(Column::Inherits),
        )
        .foreign_key(
            ForeignKey::create()
                .name("member_role_member")
                .from(Entity, (Column::CommunityId, Column::UserId))
                .to(member::Entity, (member::Column::CommunityId, member::Column::UserId)),
        )
        .to_owned()
}

/// For every check of access, and for the list of the communities that a person reaches.
fn by_user() -> IndexCreateStatement {
    Index::create()
        .name("member_role_by_user")
        .table(Entity)
        .col(Column::UserId)
        .col(Column::CommunityId)
        .to_owned()
}
