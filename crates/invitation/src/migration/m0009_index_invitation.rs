use sea_orm_migration::prelude::*;

use crate::entity::invitation::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // For lists in each of their orders, and for one address, one inviter.
        let orders = [
            ("invitation_by_create_time", Column::CreateTime),
            ("invitation_by_update_time", Column::UpdateTime),
            ("invitation_by_expire_time", Column::ExpireTime),
            ("invitation_by_email", Column::EmailCanonical),
            ("invitation_by_inviter", Column::InviterId),
        ];
        for (name, column) in orders {
            let index = Index::create()
                .name(name)
                .table(Entity)
                .col(Column::RootId)
                .col(column)
                .col(Column::Id)
                .to_owned();
            manager.create_index(index).await?;
        }
        // For the inbox of a person, whatever the community.
        let inbox = Index::create()
            .name("invitation_inbox")
            .table(Entity)
            .col(Column::EmailCanonical)
            .col(Column::Id)
            .to_owned();
        manager.create_index(inbox).await?;
        // For the sweeper: acceptances under way are few, however many invitations there are.
        let claimed = Index::create()
            .name("invitation_claimed")
            .table(Entity)
            .col(Column::ClaimLeaseTime)
            .and_where(Expr::col(Column::ClaimId).is_not_null())
            .to_owned();
        manager.create_index(claimed).await
    }
}
