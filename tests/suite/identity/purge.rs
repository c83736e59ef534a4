//! The end of a deleted account.

use sandbox::{Service, until};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement};
use tonic::Code;
use usher_api::identity::{ChangeEmailRequest, StartTotpEnrollmentRequest};

use super::account_mails::forget_password;
use super::update_user_picture::pose;
use super::{get, id};
use crate::support::acts::delete_user;
use crate::support::address;
use crate::support::people::{PASSWORD, Person, admin};
use crate::support::rows::{database, let_the_account_end};
use crate::support::tree::{managed, member};
use crate::support::two_factor::{Enrolled, authenticate};

/// Every table of the service that has a column `account_id`, as the database tells.
async fn tables_of_accounts(database: &DatabaseConnection) -> Vec<String> {
    let sql = match database.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT table_name FROM information_schema.columns \
             WHERE table_schema = current_schema() AND column_name = 'account_id'"
        }
        _ => {
            "SELECT tables.name AS table_name FROM sqlite_master AS tables \
             JOIN pragma_table_info(tables.name) AS columns \
             WHERE tables.type = 'table' AND columns.name = 'account_id'"
        }
    };
    let statement = Statement::from_string(database.get_database_backend(), sql);
    let rows = database.query_all_raw(statement).await.expect("the statement runs");
    rows.iter().map(|row| row.try_get("", "table_name").expect("it has a name")).collect()
}

async fn count(database: &DatabaseConnection, sql: String, value: sea_orm::Value) -> i64 {
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [value]);
    let row = database.query_one_raw(statement).await.expect("the statement runs").expect("it counts");
    row.try_get_by_index(0).expect("it counts")
}

#[tokio::test]
async fn no_table_knows_a_destroyed_account() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mira = Enrolled::from(member(&admin, &place, &place, &["guest"]).await).await.person;
    leave_traces(&mira).await;
    let database = database(Service::Identity).await;
    let tables = tables_of_accounts(&database).await;
    let mut known = 0;
    for table in &tables {
        let sql = format!("SELECT count(*) FROM {table} WHERE account_id = $1");
        known += i64::from(count(&database, sql, id(&mira.name).into()).await > 0);
    }
    assert!(known >= 8, "{known} of {tables:?} know the account");

    delete_user(&admin, &mira.name).await;
    let_the_account_end(&mira.name).await;
    until("the account is gone", || async {
        get(&admin.caller, &mira.name).await.err().filter(|status| status.code() == Code::NotFound)
    })
    .await;
    for table in &tables {
        let sql = format!("SELECT count(*) FROM {table} WHERE account_id = $1");
        assert_eq!(count(&database, sql, id(&mira.name).into()).await, 0, "{table}");
    }
    let mails = "SELECT count(*) FROM account_mail WHERE email_canonical = $1".to_owned();
    assert_eq!(count(&database, mails, mira.email.to_lowercase().into()).await, 0);
}

/// Does what tables remember: a picture, sign-ins, a challenge, an enrolment and mails.
async fn leave_traces(mira: &Person) {
    pose(mira).await;
    authenticate(&mira.email, PASSWORD).await.unwrap();
    authenticate(&mira.email, "not the password").await.unwrap_err();
    forget_password(&mira.email).await.unwrap();
    let enrolment = StartTotpEnrollmentRequest {
        name: mira.name.clone(),
        current_password: PASSWORD.to_owned(),
        challenge_token: String::new(),
    };
    mira.caller.identity().start_totp_enrollment(enrolment).await.unwrap();
    let change = ChangeEmailRequest {
        name: mira.name.clone(),
        email: address("new"),
        current_password: PASSWORD.to_owned(),
    };
    mira.caller.identity().change_email(change).await.unwrap();
}
