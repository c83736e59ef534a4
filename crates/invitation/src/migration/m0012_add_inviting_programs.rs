use sea_orm_migration::prelude::*;

use crate::entity::{history, invitation};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        use invitation::{Column, Entity};
        // One at a time, as SQLite asks.
        for column in [
            ColumnDef::new(Column::InviterProgram).text().not_null().default("").to_owned(),
            represented(Column::OnBehalfOfId),
        ] {
            manager.alter_table(Table::alter().table(Entity).add_column(column).to_owned()).await?;
        }
        let actor = ColumnDef::new(history::Column::ActorProgram).text().not_null().default("").to_owned();
        for column in [actor, represented(history::Column::OnBehalfOfId)] {
            manager.alter_table(Table::alter().table(history::Entity).add_column(column).to_owned()).await?;
        }
        // For what ends with a person, and for lists of what is his.
        let by_person = Index::create()
            .name("invitation_by_represented")
            .table(Entity)
            .col(Column::RootId)
            .col(Column::OnBehalfOfId)
            .col(Column::Id)
            .and_where(Expr::col(Column::OnBehalfOfId).is_not_null())
            .to_owned();
        manager.create_index(by_person).await?;
        // For what ends with a program, whatever the trees.
        let by_program = Index::create()
            .name("invitation_by_program")
            .table(Entity)
            .col(Column::InviterProgram)
            .col(Column::Id)
            .and_where(Expr::col(Column::InviterProgram).ne(""))
            .to_owned();
        manager.create_index(by_program).await
    }
}

fn represented(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).uuid().to_owned()
}
