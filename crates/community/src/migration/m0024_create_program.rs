use sea_orm_migration::prelude::*;

use super::add_columns;
use crate::catalogue;
use crate::entity::{api_key, community, member_role, permission, program_permission, service_account};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_service_account(manager).await?;
        create_api_key(manager).await?;
        create_program_permission(manager).await?;
        let giver =
            ColumnDef::new(member_role::Column::GrantedByProgram).text().not_null().default("").to_owned();
        add_columns(manager, member_role::Entity, [giver]).await?;
        // `serviceAccounts.represent` is new.
        catalogue::insert_own(manager.get_connection()).await
    }
}

async fn create_service_account(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use service_account::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(Column::DisplayName).text().not_null())
        .col(ColumnDef::new(Column::Description).text().not_null())
        .col(ColumnDef::new(Column::SearchKey).text().not_null())
        .col(ColumnDef::new(Column::Enabled).boolean().not_null())
        .col(ColumnDef::new(Column::Version).big_integer().not_null())
        .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
        .col(ColumnDef::new(Column::UpdateTime).big_integer().not_null())
        .to_owned();
    manager.create_table(table).await
}

async fn create_api_key(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use api_key::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(Column::CommunityId).uuid())
        .col(ColumnDef::new(Column::ServiceAccountId).uuid())
        .col(ColumnDef::new(Column::DisplayName).text().not_null())
        .col(ColumnDef::new(Column::Description).text().not_null())
        .col(ColumnDef::new(Column::SearchKey).text().not_null())
        .col(ColumnDef::new(Column::Inherits).boolean().not_null())
        .col(ColumnDef::new(Column::CreatorId).uuid().not_null())
        .col(ColumnDef::new(Column::ExpireTime).big_integer())
        .col(ColumnDef::new(Column::RevokeTime).big_integer())
        .col(ColumnDef::new(Column::Version).big_integer().not_null())
        .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
        .col(ColumnDef::new(Column::UpdateTime).big_integer().not_null())
        .foreign_key(
            ForeignKey::create()
                .name("api_key_community")
                .from(Entity, Column::CommunityId)
                .to(community::Entity, community::Column::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("api_key_service_account")
                .from(Entity, Column::ServiceAccountId)
                .to(service_account::Entity, service_account::Column::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    manager.create_table(table).await?;
    for (name, column) in [
        ("api_key_by_community", Column::CommunityId),
        ("api_key_by_service_account", Column::ServiceAccountId),
    ] {
        let index = Index::create().name(name).table(Entity).col(column).col(Column::Id).to_owned();
        manager.create_index(index).await?;
    }
    Ok(())
}

async fn create_program_permission(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use program_permission::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::ProgramId).uuid().not_null())
        .col(ColumnDef::new(Column::CommunityId).uuid().not_null())
        .col(ColumnDef::new(Column::Permission).text().not_null())
        .col(ColumnDef::new(Column::Inherits).boolean().not_null())
        .primary_key(Index::create().col(Column::ProgramId).col(Column::CommunityId).col(Column::Permission))
        .foreign_key(
            ForeignKey::create()
                .name("program_permission_community")
                .from(Entity, Column::CommunityId)
                .to(community::Entity, community::Column::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("program_permission_permission")
                .from(Entity, Column::Permission)
                .to(permission::Entity, permission::Column::Name)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    manager.create_table(table).await?;
    for (name, column) in [
        ("program_permission_by_community", Column::CommunityId),
        ("program_permission_by_permission", Column::Permission),
    ] {
        manager.create_index(Index::create().name(name).table(Entity).col(column).to_owned()).await?;
    }
    Ok(())
}
