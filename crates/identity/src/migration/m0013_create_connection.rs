use sea_orm_migration::prelude::*;

use crate::entity::{community_rule, connection, link, sign_on};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_connection(manager).await?;
        create_link(manager).await?;
        create_sign_on(manager).await?;
        let suspended =
            ColumnDef::new(community_rule::Column::Suspended).boolean().not_null().default(false).to_owned();
        let rule = Table::alter().table(community_rule::Entity).add_column(suspended).to_owned();
        manager.alter_table(rule).await
    }
}

async fn create_connection(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use connection::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(Column::CommunityId).uuid().not_null())
        .col(ColumnDef::new(Column::RootId).uuid().not_null())
        .col(ColumnDef::new(Column::DisplayName).text().not_null())
        .col(ColumnDef::new(Column::Issuer).text().not_null())
        .col(ColumnDef::new(Column::ClientId).text().not_null())
        .col(ColumnDef::new(Column::SealedClientSecret).text().not_null())
        .col(ColumnDef::new(Column::EmailDomains).text().not_null())
        .col(ColumnDef::new(Column::DefaultRole).text().not_null())
        .col(ColumnDef::new(Column::Enabled).boolean().not_null())
        .col(ColumnDef::new(Column::Version).big_integer().not_null())
        .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
        .col(ColumnDef::new(Column::UpdateTime).big_integer().not_null())
        .to_owned();
    manager.create_table(table).await?;
    let index = Index::create()
        .name("connection_by_community")
        .table(Entity)
        .col(Column::CommunityId)
        .col(Column::Id)
        .to_owned();
    manager.create_index(index).await
}

async fn create_link(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use link::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::ConnectionId).uuid().not_null())
        .col(ColumnDef::new(Column::Subject).text().not_null())
        .col(ColumnDef::new(Column::AccountId).uuid().not_null())
        .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
        .primary_key(Index::create().col(Column::ConnectionId).col(Column::Subject))
        .to_owned();
    manager.create_table(table).await?;
    let index = Index::create()
        .name("link_by_account")
        .table(Entity)
        .col(Column::AccountId)
        .col(Column::ConnectionId)
        .unique()
        .to_owned();
    manager.create_index(index).await
}

async fn create_sign_on(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use sign_on::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::StateHash).binary().not_null().primary_key())
        .col(ColumnDef::new(Column::ConnectionId).uuid().not_null())
        .col(ColumnDef::new(Column::AccountId).uuid())
        .col(ColumnDef::new(Column::SealedSecrets).text().not_null())
        .col(ColumnDef::new(Column::SourceRange).text().not_null())
        .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
        .col(ColumnDef::new(Column::ExpireTime).big_integer().not_null())
        .to_owned();
    manager.create_table(table).await?;
    let indexes = [
        ("sign_on_by_time", Column::CreateTime, None),
        ("sign_on_by_source", Column::SourceRange, Some(Column::CreateTime)),
    ];
    for (name, first, second) in indexes {
        let mut index = Index::create().name(name).table(Entity).col(first).to_owned();
        if let Some(second) = second {
            index.col(second);
        }
        manager.create_index(index).await?;
    }
    Ok(())
}
