use sea_orm_migration::prelude::*;

use crate::catalogue;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// `acceptances.list` is new.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        catalogue::insert_own(manager.get_connection()).await
    }
}
