use sea_orm_migration::prelude::*;

use crate::entity::{account, challenge, passkey, passkey_ceremony};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_passkey(manager).await?;
        create_ceremony(manager).await?;
        let state = ColumnDef::new(challenge::Column::SealedPasskeyState).text().to_owned();
        manager.alter_table(Table::alter().table(challenge::Entity).add_column(state).to_owned()).await?;
        let has = ColumnDef::new(account::Column::HasPasskey).boolean().not_null().default(false).to_owned();
        let preferred = ColumnDef::new(account::Column::PreferredFactor).text().to_owned();
        for column in [has, preferred] {
            manager.alter_table(Table::alter().table(account::Entity).add_column(column).to_owned()).await?;
        }
        Ok(())
    }
}

async fn create_passkey(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use passkey::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(Column::AccountId).uuid().not_null())
        .col(ColumnDef::new(Column::CredentialId).binary().not_null())
        .col(ColumnDef::new(Column::SealedCredential).text().not_null())
        .col(ColumnDef::new(Column::DisplayName).text().not_null())
        .col(ColumnDef::new(Column::Version).big_integer().not_null())
        .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
        .col(ColumnDef::new(Column::LastUseTime).big_integer())
        .to_owned();
    manager.create_table(table).await?;
    let by_credential = Index::create()
        .name("passkey_by_credential")
        .table(Entity)
        .col(Column::CredentialId)
        .unique()
        .to_owned();
    manager.create_index(by_credential).await?;
    let by_account = Index::create()
        .name("passkey_by_account")
        .table(Entity)
        .col(Column::AccountId)
        .col(Column::Id)
        .to_owned();
    manager.create_index(by_account).await
}

async fn create_ceremony(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use passkey_ceremony::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::Hash).binary().not_null().primary_key())
        .col(ColumnDef::new(Column::AccountId).uuid())
        .col(ColumnDef::new(Column::SealedState).text().not_null())
        .col(ColumnDef::new(Column::SourceRange).text().not_null())
        .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
        .col(ColumnDef::new(Column::ExpireTime).big_integer().not_null())
        .to_owned();
    manager.create_table(table).await?;
    let by_source = Index::create()
        .name("passkey_ceremony_by_source")
        .table(Entity)
        .col(Column::SourceRange)
        .col(Column::CreateTime)
        .to_owned();
    manager.create_index(by_source).await?;
    for (name, column) in
        [("passkey_ceremony_by_account", Column::AccountId), ("passkey_ceremony_by_time", Column::ExpireTime)]
    {
        manager.create_index(Index::create().name(name).table(Entity).col(column).to_owned()).await?;
    }
    Ok(())
}
