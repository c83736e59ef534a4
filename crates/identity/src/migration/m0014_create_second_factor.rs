use sea_orm_migration::prelude::*;

use crate::entity::{backup_code, challenge, membership, recovery_code, totp, totp_enrollment};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_totp(manager).await?;
        create_enrollment(manager).await?;
        create_codes(manager).await?;
        create_challenge(manager).await?;
        let expected = ColumnDef::new(membership::Column::ExpectedUntil).big_integer().to_owned();
        manager.alter_table(Table::alter().table(membership::Entity).add_column(expected).to_owned()).await
    }
}

async fn create_totp(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let enrolled = Table::create()
        .table(totp::Entity)
        .col(ColumnDef::new(totp::Column::AccountId).uuid().not_null().primary_key())
        .col(ColumnDef::new(totp::Column::SealedSecret).text().not_null())
        .col(ColumnDef::new(totp::Column::LastStep).big_integer().not_null())
        .col(ColumnDef::new(totp::Column::EnableTime).big_integer().not_null())
        .to_owned();
    manager.create_table(enrolled).await
}

async fn create_enrollment(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use totp_enrollment::{Column, Entity};
    let begun = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::AccountId).uuid().not_null().primary_key())
        .col(ColumnDef::new(Column::SealedSecret).text().not_null())
        .col(ColumnDef::new(Column::ExpireTime).big_integer().not_null())
        .to_owned();
    manager.create_table(begun).await?;
    let by_time =
        Index::create().name("totp_enrollment_by_time").table(Entity).col(Column::ExpireTime).to_owned();
    manager.create_index(by_time).await
}

async fn create_codes(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use backup_code::{Column, Entity};
    let backup = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::AccountId).uuid().not_null())
        .col(ColumnDef::new(Column::Hash).binary().not_null())
        .primary_key(Index::create().col(Column::AccountId).col(Column::Hash))
        .to_owned();
    manager.create_table(backup).await?;
    let recovery = Table::create()
        .table(recovery_code::Entity)
        .col(ColumnDef::new(recovery_code::Column::AccountId).uuid().not_null().primary_key())
        .col(ColumnDef::new(recovery_code::Column::Hash).binary().not_null())
        .col(ColumnDef::new(recovery_code::Column::ExpireTime).big_integer().not_null())
        .to_owned();
    manager.create_table(recovery).await
}

async fn create_challenge(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use challenge::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::Hash).binary().not_null().primary_key())
        .col(ColumnDef::new(Column::AccountId).uuid().not_null())
        .col(ColumnDef::new(Column::Enrolls).boolean().not_null())
        .col(ColumnDef::new(Column::Device).text().not_null())
        .col(ColumnDef::new(Column::ExpireTime).big_integer().not_null())
        .to_owned();
    manager.create_table(table).await?;
    for (name, column) in
        [("challenge_by_account", Column::AccountId), ("challenge_by_time", Column::ExpireTime)]
    {
        manager.create_index(Index::create().name(name).table(Entity).col(column).to_owned()).await?;
    }
    Ok(())
}
