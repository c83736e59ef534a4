use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{EntityTrait as _, QueryFilter as _};
use sea_orm_migration::prelude::*;

use super::{add_columns, ordered_text};
use crate::entity::member::{Column, Entity};
use crate::entity::member_role;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ColumnDef::new(Column::Inherits).boolean().not_null().default(false).to_owned(),
            ordered_text(manager, Column::NameKey).not_null().default("").to_owned(),
            ordered_text(manager, Column::EmailKey).not_null().default("").to_owned(),
            ColumnDef::new(Column::PersonKnown).boolean().not_null().default(false).to_owned(),
            ColumnDef::new(Column::SuspendReason).text().to_owned(),
            ColumnDef::new(Column::ReactivateTime).big_integer().to_owned(),
        ];
        add_columns(manager, Entity, columns).await?;
        fill_inherits(manager.get_connection()).await?;
        for (column, name) in [
            (Column::NameKey, "member_by_name"),
            (Column::EmailKey, "member_by_email"),
            (Column::CreateTime, "member_by_create_time"),
        ] {
            manager.create_index(by(column, name)).await?;
            manager.create_index(inheriting_by(column, &format!("{name}_inheriting"))).await?;
        }
        manager.create_index(by_user()).await?;
        manager.create_index(unknown()).await
    }
}

async fn fill_inherits(connection: &impl sea_orm::ConnectionTrait) -> Result<(), DbErr> {
    let role = |column| Expr::col((member_role::Entity, column));
    let inheriting = Query::select()
        .expr(Expr::val(1))
        .from(member_role::Entity)
        .and_where(role(member_role::Column::CommunityId).equals((Entity, Column::CommunityId)))
        .and_where(role(member_role::Column::UserId).equals((Entity, Column::UserId)))
        .and_where(role(member_role::Column::Inherits).eq(true))
        .to_owned();
    Entity::update_many()
        .col_expr(Column::Inherits, Expr::value(true))
        .filter(Expr::exists(inheriting))
        .exec(connection)
        .await?;
    Ok(())
}

/// For lists of members in this order.
fn by(column: Column, name: &str) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(Entity).col(Column::CommunityId).col(column).col(Column::UserId).to_owned()
}

/// For lists of those who reach the communities inside, of whom there may be few among many members.
fn inheriting_by(column: Column, name: &str) -> IndexCreateStatement {
    by(column, name).and_where(Expr::col(Column::Inherits).eq(true)).to_owned()
}

/// For news of a person.
fn by_user() -> IndexCreateStatement {
    Index::create().name("member_by_user").table(Entity).col(Column::UserId).to_owned()
}

/// For rows that are older than their keys.
fn unknown() -> IndexCreateStatement {
    Index::create()
        .name("member_unknown")
        .table(Entity)
        .col(Column::UserId)
        .and_where(Expr::col(Column::PersonKnown).eq(false))
        .to_owned()
}
