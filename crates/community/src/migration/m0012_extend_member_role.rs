use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};
use sea_orm_migration::prelude::*;
use uuid::Uuid;

use super::add_columns;
use crate::entity::member_role::{Column, Entity};
use crate::entity::role;
use crate::role::RoleId;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_columns(manager, Entity, [ColumnDef::new(Column::CustomRoleId).uuid().to_owned()]).await?;
        fill(manager.get_connection()).await?;
        // For who holds a role, and where.
        let by_role = Index::create()
            .name("member_role_by_role")
            .table(Entity)
            .col(Column::RoleId)
            .col(Column::CommunityId)
            .col(Column::UserId)
            .to_owned();
        manager.create_index(by_role).await
    }
}

async fn fill(connection: &impl sea_orm::ConnectionTrait) -> Result<(), DbErr> {
    let roles = role::Entity::find().select_only().column(role::Column::Id);
    let roles: Vec<Uuid> = roles.into_tuple().all(connection).await?;
    for id in roles {
        Entity::update_many()
            .col_expr(Column::CustomRoleId, Expr::value(id))
            .filter(Column::RoleId.eq(RoleId::Custom(id)))
            .exec(connection)
            .await?;
    }
    Ok(())
}
