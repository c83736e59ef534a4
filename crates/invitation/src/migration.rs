//! The steps that make the tables of this service, one file each.

mod m0001_create_invitation;
mod m0002_create_grant;
mod m0003_create_token;
mod m0004_extend_invitation;
mod m0005_add_words;
mod m0006_create_allowance;

use sea_orm_migration::prelude::*;

/// All steps, the runtime's first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut steps = usher_runtime::migration::steps();
        steps.push(Box::new(m0001_create_invitation::Migration));
        steps.push(Box::new(m0002_create_grant::Migration));
        steps.push(Box::new(m0003_create_token::Migration));
        steps.push(Box::new(m0004_extend_invitation::Migration));
        steps.push(Box::new(m0005_add_words::Migration));
        steps.push(Box::new(m0006_create_allowance::Migration));
        steps
    }
}
