//! Rows that nobody needs any more.

use sandbox::until;
use sea_orm::Value;
use uuid::Uuid;

use super::{change_row, id, row, session_id};
use crate::support::keys::{key, revoke_key};
use crate::support::passkeys::start;
use crate::support::people::{PASSWORD, Person, admin};
use crate::support::tree::managed;

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// Waits until `count`, which counts rows of `user`, counts `expected`.
async fn settles(count: &str, user: Uuid, expected: i64) {
    until("rows are swept away", || async {
        let counted: i64 = row(count, [user.into()]).await.try_get_by_index(0).expect("it counts");
        assert!(counted >= expected, "{counted} rows are left of {expected} that are still needed");
        (counted == expected).then_some(())
    })
    .await;
}

/// Changes one row by `sql`, whose last parameter is that row.
async fn age(sql: &str, days: i64, which: impl Into<Value>) {
    change_row(sql, [(days * DAY).into(), which.into()]).await;
}

#[tokio::test]
async fn attempts_to_sign_in_are_known_for_ninety_days() {
    let mira = Person::new("mira").await;
    let user = id(&mira.name);
    let newest = "UPDATE sign_in SET create_time = create_time - $1 WHERE account_id = $2 AND create_time = \
                  (SELECT max(create_time) FROM sign_in WHERE account_id = $2)";
    age(newest, 91, user).await;
    Person::signed_in(&mira.caller, &mira.email, PASSWORD).await;
    age(newest, 89, user).await;
    settles("SELECT count(*) FROM sign_in WHERE account_id = $1", user, 1).await;
}

#[tokio::test]
async fn sessions_are_known_for_thirty_days_after_their_end() {
    let first = Person::new("mira").await;
    let again = || Person::signed_in(&first.caller, &first.email, PASSWORD);
    let (second, third, _live) = (again().await, again().await, again().await);
    let ended = "UPDATE session SET end_time = create_time - $1 WHERE id = $2";
    let expired = "UPDATE session SET expire_time = create_time - $1 WHERE id = $2";
    age(ended, 31, session_id(&first.credentials)).await;
    age(expired, 31, session_id(&second.credentials)).await;
    age(ended, 29, session_id(&third.credentials)).await;
    settles("SELECT count(*) FROM session WHERE account_id = $1", id(&first.name), 2).await;
}

#[tokio::test]
async fn what_locks_an_address_goes_when_it_cannot_lock_any_more() {
    let (mira, iris) = (Person::new("mira").await, Person::new("iris").await);
    let held = "UPDATE sign_in_guard SET hold_time = hold_time - $1 WHERE address_key = \
                (SELECT address_key FROM sign_in WHERE account_id = $2)";
    let count = "SELECT count(*) FROM sign_in_guard WHERE address_key = \
                 (SELECT address_key FROM sign_in WHERE account_id = $1)";
    age(held, 1, id(&iris.name)).await;
    age(held, 3, id(&mira.name)).await;
    settles(count, id(&mira.name), 0).await;
    settles(count, id(&iris.name), 1).await;
}

#[tokio::test]
async fn keys_are_known_for_longer_than_anybody_asks_what_became_of_them() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (old, recent) =
        (key(&admin, &place, &["roles.list"]).await, key(&admin, &place, &["roles.list"]).await);
    for (key, days) in [(&old, 401), (&recent, 399)] {
        revoke_key(&admin.caller, &key.key.name).await.unwrap();
        age("UPDATE api_key SET revoke_time = revoke_time - $1 WHERE id = $2", days, id(&key.key.name)).await;
    }
    let count = "SELECT count(*) FROM api_key WHERE id = $1";
    settles(count, id(&old.key.name), 0).await;
    settles(count, id(&recent.key.name), 1).await;
}

#[tokio::test]
async fn what_was_begun_with_a_passkey_goes_when_it_is_too_late_to_finish() {
    let (mira, iris) = (Person::new("mira").await, Person::new("iris").await);
    for person in [&mira, &iris] {
        start(person).await.unwrap();
    }
    let expired = "UPDATE passkey_ceremony SET expire_time = expire_time - $1 WHERE account_id = $2";
    let count = "SELECT count(*) FROM passkey_ceremony WHERE account_id = $1";
    age(expired, 1, id(&mira.name)).await;
    settles(count, id(&mira.name), 0).await;
    settles(count, id(&iris.name), 1).await;
}
