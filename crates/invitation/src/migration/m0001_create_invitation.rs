use sea_orm_migration::prelude::*;

use crate::entity::invitation::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        manager.create_index(by_root()).await?;
        manager.create_index(pending()).await
    }
}

fn table() -> TableCreateStatement {
    Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(Column::RootId).uuid().not_null())
        .col(ColumnDef::new(Column::Email).text().not_null())
        .col(ColumnDef::new(Column::EmailCanonical).text().not_null())
        .col(ColumnDef::new(Column::DisplayName).text().not_null())
        .col(ColumnDef::new(Column::InviterId).uuid().not_null())
        .col(ColumnDef::new(Column::State).text().not_null())
        .col(ColumnDef::new(Column::DeliveryState).text().not_null())
        .col(ColumnDef::new(Column::DeliveryId).uuid())
        .col(ColumnDef::new(Column::DeliveryVersion).big_integer().not_null())
        .col(ColumnDef::new(Column::SendCount).integer().not_null())
        .col(ColumnDef::new(Column::Version).big_integer().not_null())
        .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
        .col(ColumnDef::new(Column::UpdateTime).big_integer().not_null())
        .col(ColumnDef::new(Column::LastSendTime).big_integer())
        .col(ColumnDef::new(Column::ExpireTime).big_integer().not_null())
        .col(ColumnDef::new(Column::AcceptTime).big_integer())
        .col(ColumnDef::new(Column::RevokeTime).big_integer())
        .col(ColumnDef::new(Column::InviteeId).uuid())
        .col(ColumnDef::new(Column::ClaimId).uuid())
        .col(ColumnDef::new(Column::ClaimLeaseTime).big_integer())
        .to_owned()
}

/// For lists: the newest first.
fn by_root() -> IndexCreateStatement {
    Index::create().name("invitation_by_root").table(Entity).col(Column::RootId).col(Column::Id).to_owned()
}

/// For the sweeper: what is due, however many invitations have ended.
fn pending() -> IndexCreateStatement {
    Index::create()
        .name("invitation_pending")
        .table(Entity)
        .col(Column::ExpireTime)
        .and_where(Expr::col(Column::State).eq("pending"))
        .to_owned()
}
