//! Made-up accounts, many at a time, for measurements. Nobody can sign in with one, and no event tells of them.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use usher_runtime::fields::name_key;
use usher_runtime::{Database, EmailAddress, Timestamp};
use uuid::Uuid;

use crate::entity::account::{ActiveModel, Entity, Model, State};

/// A person who does not exist.
#[derive(Clone, Debug)]
pub struct MadeUpPerson {
    /// The id of the account.
    pub id: Uuid,
    /// An address under a domain that nobody has.
    pub email: String,
    /// The name that others see.
    pub full_name: String,
    /// When the account was made.
    pub create_time: Timestamp,
}

/// The most rows in one statement: twenty-two columns each, of 32,766 values that SQLite takes.
const MOST_ROWS: usize = 1_400;

/// Inserts accounts for `people`, as far as there are none.
pub async fn insert_people(database: &Database, people: &[MadeUpPerson]) -> Result<(), DbErr> {
    let change = database.change().await?;
    for some in people.chunks(MOST_ROWS) {
        Entity::insert_many(some.iter().map(account))
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&*change)
            .await?;
    }
    change.commit().await
}

fn account(person: &MadeUpPerson) -> ActiveModel {
    let address = person.email.parse::<EmailAddress>();
    let canonical = address.map_or_else(|_| person.email.clone(), |address| address.canonical().to_owned());
    let row = Model {
        id: person.id,
        email: person.email.clone(),
        email_canonical: canonical,
        email_verified: true,
        full_name: person.full_name.clone(),
        name_key: name_key(&person.full_name),
        locale: String::new(),
        date_format: None,
        picture_id: String::new(),
        platform_admin: false,
        state: State::Active,
        state_version: 0,
        purge_time: None,
        terms_version: String::new(),
        terms_accept_time: None,
        password_hash: String::new(),
        has_link: false,
        has_passkey: false,
        preferred_factor: None,
        version: 1,
        create_time: person.create_time,
        update_time: person.create_time,
        last_seen_time: None,
    };
    ActiveModel::from(row).reset_all()
}
