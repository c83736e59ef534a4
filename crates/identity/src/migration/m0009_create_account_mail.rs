use sea_orm_migration::prelude::*;

use crate::entity::{account_mail, account_mail_token};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_mail(manager).await?;
        create_token(manager).await
    }
}

async fn create_mail(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use account_mail::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(Column::Kind).text().not_null())
        .col(ColumnDef::new(Column::AccountId).uuid())
        .col(ColumnDef::new(Column::Email).text().not_null())
        .col(ColumnDef::new(Column::EmailCanonical).text().not_null())
        .col(ColumnDef::new(Column::SourceRange).text().not_null())
        .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
        .col(ColumnDef::new(Column::ExpireTime).big_integer().not_null())
        .col(ColumnDef::new(Column::EndTime).big_integer())
        .to_owned();
    manager.create_table(table).await?;
    for (name, column) in [
        ("account_mail_by_account", Column::AccountId),
        ("account_mail_by_address", Column::EmailCanonical),
        ("account_mail_by_source", Column::SourceRange),
    ] {
        let index = Index::create().name(name).table(Entity).col(column).col(Column::CreateTime).to_owned();
        manager.create_index(index).await?;
    }
    let by_end = Index::create().name("account_mail_by_end").table(Entity).col(Column::ExpireTime).to_owned();
    manager.create_index(by_end).await
}

async fn create_token(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use account_mail_token::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::Hash).binary().not_null().primary_key())
        .col(ColumnDef::new(Column::MailId).uuid().not_null())
        .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
        .foreign_key(
            ForeignKey::create()
                .from(Entity, Column::MailId)
                .to(account_mail::Entity, account_mail::Column::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    manager.create_table(table).await?;
    let by_mail =
        Index::create().name("account_mail_token_by_mail").table(Entity).col(Column::MailId).to_owned();
    manager.create_index(by_mail).await
}
