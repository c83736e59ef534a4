use sea_orm_migration::prelude::*;

use crate::entity::{history, watched_tree};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        use history::{Column, Entity};
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::InvitationId).uuid().not_null())
            .col(ColumnDef::new(Column::Version).big_integer().not_null())
            .col(ColumnDef::new(Column::RootId).uuid().not_null())
            .col(ColumnDef::new(Column::Place).big_integer())
            .col(ColumnDef::new(Column::Fact).text().not_null())
            .col(ColumnDef::new(Column::State).text().not_null())
            .col(ColumnDef::new(Column::ActorId).uuid())
            .col(ColumnDef::new(Column::OccurTime).big_integer().not_null())
            .primary_key(Index::create().col(Column::InvitationId).col(Column::Version))
            .to_owned();
        manager.create_table(table).await?;
        // For those who watch: what happened since, and what has no place yet.
        let in_order = Index::create()
            .name("invitation_history_in_order")
            .unique()
            .table(Entity)
            .col(Column::RootId)
            .col(Column::Place)
            .to_owned();
        manager.create_index(in_order).await?;
        let waiting = Index::create()
            .name("invitation_history_waiting")
            .table(Entity)
            .col(Column::RootId)
            .col(Column::Version)
            .col(Column::OccurTime)
            .and_where(Expr::col(Column::Place).is_null())
            .to_owned();
        manager.create_index(waiting).await?;
        let trees = Table::create()
            .table(watched_tree::Entity)
            .col(ColumnDef::new(watched_tree::Column::RootId).uuid().not_null().primary_key())
            .col(ColumnDef::new(watched_tree::Column::LastPlace).big_integer().not_null())
            .to_owned();
        manager.create_table(trees).await
    }
}
