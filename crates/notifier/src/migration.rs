//! The steps that make the tables of this service, one file each.

mod m0001_create_delivery;
mod m0002_add_account_mail;
mod m0003_create_suppression;
mod m0004_create_given_up_mail;
mod m0005_add_kind;
mod m0006_add_domain_key;
mod m0007_create_webhook;
mod m0008_create_webhook_delivery;
mod m0009_index_domain_key;
mod m0010_create_webhook_owner;

use sea_orm_migration::prelude::*;

/// All steps, the runtime's first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut steps = usher_runtime::migration::steps();
        steps.push(Box::new(m0001_create_delivery::Migration));
        steps.push(Box::new(m0002_add_account_mail::Migration));
        steps.push(Box::new(m0003_create_suppression::Migration));
        steps.push(Box::new(m0004_create_given_up_mail::Migration));
        steps.push(Box::new(m0005_add_kind::Migration));
        steps.push(Box::new(m0006_add_domain_key::Migration));
        steps.push(Box::new(m0007_create_webhook::Migration));
        steps.push(Box::new(m0008_create_webhook_delivery::Migration));
        steps.push(Box::new(m0009_index_domain_key::Migration));
        steps.push(Box::new(m0010_create_webhook_owner::Migration));
        steps
    }
}
