//! The steps that make the tables of this service, one file each.

mod m0001_create_community;
mod m0002_create_permission;
mod m0003_create_role;
mod m0004_create_role_permission;
mod m0005_create_member;
mod m0006_create_member_role;
mod m0007_insert_own_permissions;

use sea_orm_migration::prelude::*;

/// All steps, the runtime's first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut steps = usher_runtime::migration::steps();
        steps.push(Box::new(m0001_create_community::Migration));
        steps.push(Box::new(m0002_create_permission::Migration));
        steps.push(Box::new(m0003_create_role::Migration));
        steps.push(Box::new(m0004_create_role_permission::Migration));
        steps.push(Box::new(m0005_create_member::Migration));
        steps.push(Box::new(m0006_create_member_role::Migration));
        steps.push(Box::new(m0007_insert_own_permissions::Migration));
        steps
    }
}
