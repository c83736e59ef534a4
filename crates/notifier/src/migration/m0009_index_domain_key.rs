use sea_orm_migration::prelude::*;

use crate::entity::delivery::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Only what had to wait for others to its domain, and is still to be sent.
        let waiting = Index::create()
            .name("delivery_by_domain")
            .table(Entity)
            .col(Column::DomainKey)
            .col(Column::AvailableTime)
            .and_where(Expr::col(Column::DomainKey).is_not_null())
            .and_where(Expr::col(Column::State).is_in(["queued", "sending", "deferred"]))
            .to_owned();
        manager.create_index(waiting).await
    }
}
