//! Facts that no RPC brings about yet, written into the tables.

use std::time::Duration;

use sandbox::{Service, current, until};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement, Value};
use usher_runtime::Clock;
use uuid::Uuid;

/// Removes somebody from a community.
pub async fn forget_member(community: &str, user: &str) {
    let values = [id(community).into(), id(user).into()];
    execute("DELETE FROM member_role WHERE community_id = $1 AND user_id = $2", values).await;
}

/// Makes somebody an administrator of a managed community.
pub async fn make_admin(community: &str, user: &str) {
    let values = [
        id(community).into(),
        id(user).into(),
        "admin".into(),
        false.into(),
        "".into(),
        id(user).into(),
        1_i64.into(),
    ];
    let insert = "INSERT INTO member_role (community_id, user_id, role_id, inherits, invitation, granted_by, create_time) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7)";
    execute(insert, values).await;
}

/// Makes the database one that has not received the last change of the tree of `root`.
pub async fn forget_last_change(root: &str) {
    execute("UPDATE revision SET number = number - 1 WHERE scope = $1", [id(root).into()]).await;
}

/// Makes it `time` since the person was seen, as the identity service knows it.
pub async fn age_account(user: &str, time: Duration) {
    let sql = "UPDATE account SET last_seen_time = $1 WHERE id = $2";
    execute_in(Service::Identity, sql, [ago(time), id(user).into()]).await;
}

/// Makes it `time` since the person was seen, as the community service has heard.
pub async fn age_person(user: &str, time: Duration) {
    let sql = "UPDATE person SET last_seen_time = $1 WHERE user_id = $2";
    execute(sql, [ago(time), id(user).into()]).await;
}

/// Makes it `time` since the person became a member.
pub async fn age_membership(community: &str, user: &str, time: Duration) {
    let sql = "UPDATE member SET create_time = $1 WHERE community_id = $2 AND user_id = $3";
    execute(sql, [ago(time), id(community).into(), id(user).into()]).await;
}

/// Makes it `time` since the member was reactivated.
pub async fn age_reactivation(community: &str, user: &str, time: Duration) {
    let sql = "UPDATE member SET reactivate_time = $1 WHERE community_id = $2 AND user_id = $3";
    execute(sql, [ago(time), id(community).into(), id(user).into()]).await;
}

/// Makes it so many days more since a key was revoked, and since it expired.
pub async fn age_end_of_key(key: &str, days: i64) {
    let sql =
        "UPDATE api_key SET revoke_time = revoke_time - $1, expire_time = expire_time - $1 WHERE id = $2";
    execute(sql, [(days * 24 * 60 * 60 * 1_000_000).into(), id(key).into()]).await;
}

/// How many rows of `table` belong to a community.
pub async fn rows_of(table: &str, community: &str) -> i64 {
    let database = database(Service::Community).await;
    let sql = format!("SELECT count(*) FROM {table} WHERE community_id = $1");
    let values = [id(community).into()];
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
    let row = database.query_one_raw(statement).await.expect("the statement runs").expect("it counts");
    row.try_get_by_index(0).expect("it counts")
}

/// Lets the time come at which a deleted community is destroyed.
pub async fn let_the_end_come(community: &str) {
    let sql = "UPDATE community SET purge_time = $1 WHERE id = $2";
    execute(sql, [ago(Duration::from_secs(1)), id(community).into()]).await;
}

/// Waits until the identity service knows that an account is deleted, and lets the time come at which it is destroyed.
pub async fn let_the_account_end(user: &str) {
    until("the identity service knows of the deletion", || async {
        let database = database(Service::Identity).await;
        let sql = "UPDATE account SET purge_time = $1 WHERE id = $2 AND state = 'deleted'";
        let values = [ago(Duration::from_secs(1)), id(user).into()];
        let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
        let changed = database.execute_raw(statement).await.expect("the statement runs");
        (changed.rows_affected() == 1).then_some(())
    })
    .await;
    let sql = "UPDATE person SET purge_time = $1 WHERE user_id = $2";
    execute(sql, [ago(Duration::from_secs(1)), id(user).into()]).await;
}

/// Makes it unknown whether the mailbox of an account is that of its person.
pub async fn unprove_mailbox(user: &str) {
    let sql = "UPDATE account SET email_verified = $1 WHERE id = $2";
    execute_in(Service::Identity, sql, [false.into(), id(user).into()]).await;
}

/// Lets the time pass in which something must be heard of an invitation for which seats are kept.
pub async fn end_lease(invitation: &str) {
    let sql = "UPDATE seat_reservation SET lease_time = $1 WHERE invitation_id = $2";
    execute(sql, [ago(Duration::from_secs(1)), id(invitation).into()]).await;
}

/// Uses a limit on invitations up, or but for `left` of `most` in a day.
pub async fn use_up(scope: &str, resource: &str, most: i64, left: i64) {
    let hour = 3_600 * 1_000_000;
    let day = 24 * hour;
    let now = Clock::system().now().0;
    // Nothing comes back in the next hour, or half of one more.
    let beyond = if left == 0 { hour } else { -(day / most / 2) };
    let full = now + day - day / most * left + beyond;
    let sql = "INSERT INTO allowance (scope, subject, full_time) VALUES ($1, $2, $3) \
               ON CONFLICT (scope, subject) DO UPDATE SET full_time = excluded.full_time";
    let values = [scope.into(), id(resource).to_string().into(), full.into()];
    execute_in(Service::Invitation, sql, values).await;
}

/// Lets the time come at which the person is reminded of an invitation.
pub async fn let_the_reminder_come(invitation: &str) {
    let sql = "UPDATE invitation SET remind_time = $1 WHERE id = $2";
    execute_in(Service::Invitation, sql, [ago(Duration::from_secs(1)), id(invitation).into()]).await;
}

/// Makes it 100 days since a request was asked of the invitation service.
pub async fn age_request(request_id: &str) {
    let sql = "UPDATE answered_request SET create_time = $1 WHERE request_id = $2";
    execute_in(Service::Invitation, sql, [ago(Duration::from_hours(2_400)), id(request_id).into()]).await;
}

/// Lets the time come at which what is known of the person of an invitation is destroyed.
pub async fn let_the_purge_come(invitation: &str) {
    let sql = "UPDATE invitation SET purge_time = $1 WHERE id = $2";
    execute_in(Service::Invitation, sql, [ago(Duration::from_secs(1)), id(invitation).into()]).await;
}

/// Has an event of the community service published once more.
pub async fn tell_again(kind: &str, resource: &str) {
    let sql = "UPDATE outbox SET publish_time = NULL, available_time = 0 WHERE kind = $1 AND resource = $2";
    execute(sql, [kind.into(), resource.into()]).await;
}

/// Lets the next attempt of all deliveries to a webhook come, whoever waits or died over them.
pub async fn let_the_attempts_come(webhook: &str) {
    let sql = "UPDATE webhook_delivery SET available_time = 0 WHERE webhook_id = $1 AND end_time IS NULL";
    execute_in(Service::Notifier, sql, [id(webhook).into()]).await;
}

/// Waits until a delivery to a webhook is skipped, where nobody may ask.
pub async fn when_skipped(delivery: &str) {
    until("the delivery is skipped", || async {
        let database = database(Service::Notifier).await;
        let sql = "SELECT count(*) FROM webhook_delivery WHERE id = $1 AND state = 'skipped'";
        let values = [id(delivery).into()];
        let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
        let row = database.query_one_raw(statement).await.expect("the statement runs")?;
        (row.try_get_by_index::<i64>(0) == Ok(1)).then_some(())
    })
    .await;
}

/// Makes a delivery to a webhook one that was tried so often.
pub async fn set_attempts(delivery: &str, attempts: i32) {
    let sql = "UPDATE webhook_delivery SET attempts = $1 WHERE id = $2";
    execute_in(Service::Notifier, sql, [attempts.into(), id(delivery).into()]).await;
}

/// Makes it `time` since an attempt on a webhook succeeded.
pub async fn age_failure(webhook: &str, time: Duration) {
    let sql = "UPDATE webhook SET failing_since = $1 WHERE id = $2 AND failing_since IS NOT NULL";
    execute_in(Service::Notifier, sql, [ago(time), id(webhook).into()]).await;
}

/// How often the notifier told a fact about a resource.
pub async fn told_by_notifier(kind: &str, resource: &str) -> i64 {
    let database = database(Service::Notifier).await;
    let sql = "SELECT count(*) FROM outbox WHERE kind = $1 AND resource = $2";
    let values = [kind.into(), resource.into()];
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
    let row = database.query_one_raw(statement).await.expect("the statement runs");
    row.and_then(|row| row.try_get_by_index(0).ok()).expect("there is a number")
}

/// Lets the time come at which nobody can accept an invitation any more.
pub async fn let_the_invitation_end(name: &str) {
    let sql = "UPDATE invitation SET expire_time = $1 WHERE id = $2";
    execute_in(Service::Invitation, sql, [ago(Duration::from_secs(1)), id(name).into()]).await;
}

/// Has the invitation service tell something that happened.
pub async fn tell_of_invitation(kind: &str, invitation: &str, payload: Vec<u8>) {
    let sql = "INSERT INTO outbox (id, kind, resource, version, payload, traceparent, occur_time, available_time, attempts) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)";
    let values = [
        Uuid::new_v4().into(),
        kind.into(),
        invitation.into(),
        1_000_i64.into(),
        payload.into(),
        "".into(),
        ago(Duration::ZERO),
        0_i32.into(),
    ];
    execute_in(Service::Invitation, sql, values).await;
}

/// Waits until the events of the community service about a resource are dealt with by all of their consumers.
pub async fn until_dealt_with(resource: &str) {
    until("the events are dealt with", || async {
        let database = database(Service::Community).await;
        let sql = "SELECT count(*) FROM outbox WHERE resource = $1 AND confirm_time IS NULL";
        let statement =
            Statement::from_sql_and_values(database.get_database_backend(), sql, [resource.into()]);
        let row = database.query_one_raw(statement).await.expect("the statement runs")?;
        (row.try_get_by_index::<i64>(0) == Ok(0)).then_some(())
    })
    .await;
}

/// Has an event of the community service published once more as one of two minutes ago.
pub async fn tell_late(kind: &str, resource: &str) {
    let sql = "UPDATE outbox SET publish_time = NULL, available_time = 0, confirm_time = NULL, publication = publication + 1, occur_time = $1 \
               WHERE kind = $2 AND resource = $3";
    execute(sql, [ago(Duration::from_mins(2)), kind.into(), resource.into()]).await;
}

fn ago(time: Duration) -> Value {
    Clock::system().now().before(time).0.into()
}

/// The database of a service of the running suite.
pub async fn database(service: Service) -> DatabaseConnection {
    sea_orm::Database::connect(&current().databases[&service]).await.expect("the database answers")
}

async fn execute<const N: usize>(sql: &str, values: [Value; N]) {
    execute_in(Service::Community, sql, values).await;
}

async fn execute_in<const N: usize>(service: Service, sql: &str, values: [Value; N]) {
    let database = database(service).await;
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
    database.execute_raw(statement).await.expect("the statement runs");
}

/// The id at the end of a resource name.
fn id(name: &str) -> Uuid {
    name.rsplit('/').next().and_then(|id| id.parse().ok()).expect("the name ends in an id")
}
