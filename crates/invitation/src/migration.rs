//! The steps that make the tables of this service, one file each.

mod m0001_create_invitation;
mod m0002_create_grant;
mod m0003_create_token;
mod m0004_extend_invitation;
mod m0005_create_acceptance;
mod m0006_add_offered_roles;
mod m0007_add_words;
mod m0008_create_allowance;
mod m0009_index_invitation;
mod m0010_create_history;
mod m0011_keep_house;
mod m0012_add_inviting_programs;
mod m0013_index_mails;
mod m0014_add_mail_until;

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
        steps.push(Box::new(m0005_create_acceptance::Migration));
        steps.push(Box::new(m0006_add_offered_roles::Migration));
        steps.push(Box::new(m0007_add_words::Migration));
        steps.push(Box::new(m0008_create_allowance::Migration));
        steps.push(Box::new(m0009_index_invitation::Migration));
        steps.push(Box::new(m0010_create_history::Migration));
        steps.push(Box::new(m0011_keep_house::Migration));
        steps.push(Box::new(m0012_add_inviting_programs::Migration));
        steps.push(Box::new(m0013_index_mails::Migration));
        steps.push(Box::new(m0014_add_mail_until::Migration));
        steps
    }
}
