use sea_orm_migration::prelude::*;
use usher_runtime::outbox;

use crate::entity::invitation::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// For the sweeper: invitations that wait for word of their mail, which are few, and the events that asked for it.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let waiting = Index::create()
            .name("invitation_mail_queued")
            .table(Entity)
            .col(Column::Id)
            .and_where(Expr::col(Column::State).eq("pending"))
            .and_where(Expr::col(Column::DeliveryState).eq("queued"))
            .to_owned();
        manager.create_index(waiting).await?;
        let asking = Index::create()
            .name("outbox_asking_for_mail")
            .table(outbox::Entity)
            .col(outbox::Column::Resource)
            .and_where(Expr::col(outbox::Column::Kind).is_in(["invitation.created", "invitation.resent"]))
            .to_owned();
        manager.create_index(asking).await
    }
}
