use sea_orm_migration::prelude::*;

use crate::catalogue;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// Those on webhooks are new.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        catalogue::insert_own(manager.get_connection()).await
    }
}
