//! The steps that make the tables of this service, one file each.

mod m0001_create_account;
mod m0002_create_session;
mod m0003_create_signing_key;
mod m0004_add_last_seen_time;
mod m0005_describe_session;
mod m0006_create_membership;
mod m0007_create_sign_in;
mod m0008_plan_signing_keys;
mod m0009_create_account_mail;
mod m0010_extend_account;
mod m0012_extend_account_state;
mod m0013_create_connection;
mod m0014_create_second_factor;
mod m0016_create_api_key;

use sea_orm_migration::prelude::*;

/// All steps, the runtime's first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut steps = usher_runtime::migration::steps();
        steps.push(Box::new(m0001_create_account::Migration));
        steps.push(Box::new(m0002_create_session::Migration));
        steps.push(Box::new(m0003_create_signing_key::Migration));
        steps.push(Box::new(m0004_add_last_seen_time::Migration));
        steps.push(Box::new(m0005_describe_session::Migration));
        steps.push(Box::new(m0006_create_membership::Migration));
        steps.push(Box::new(m0007_create_sign_in::Migration));
        steps.push(Box::new(m0008_plan_signing_keys::Migration));
        steps.push(Box::new(m0009_create_account_mail::Migration));
        steps.push(Box::new(m0010_extend_account::Migration));
        steps.push(Box::new(m0012_extend_account_state::Migration));
        steps.push(Box::new(m0013_create_connection::Migration));
        steps.push(Box::new(m0014_create_second_factor::Migration));
        steps.push(Box::new(m0016_create_api_key::Migration));
        steps
    }
}
