//! NATS loses one message out of many, so that the stream looks whole and every consumer has acknowledged all that there is.

use std::time::Duration;

use async_nats::jetstream;
use sandbox::{Service, Suite, Topology, until};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};

use super::ledger::Ledger;
use super::{kill, options, revive, start};
use crate::support::address;

/// How soon the mail is there once the time has come: above the time after which it is looked for lost ones.
const SOON: Duration = Duration::from_mins(1);

async fn outbox(suite: &Suite) -> DatabaseConnection {
    sea_orm::Database::connect(&suite.description.databases[&Service::Invitation]).await.unwrap()
}

/// Waits until the event that asked for the mail of the invitation has a `column`, and returns its number of publications.
async fn asked(suite: &Suite, invitation: &str, column: &str) -> i32 {
    let database = outbox(suite).await;
    let sql = format!(
        "SELECT publication FROM outbox WHERE resource = $1 AND kind = 'invitation.created' AND {column} IS NOT NULL"
    );
    until(&format!("the event of {invitation} has a {column}"), || async {
        let backend = database.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, &sql, [invitation.into()]);
        database.query_one_raw(statement).await.unwrap()?.try_get_by_index(0).ok()
    })
    .await
}

/// Lets the time come at which something should have been heard of every mail.
async fn let_time_pass(suite: &Suite) {
    let database = outbox(suite).await;
    let sql = "UPDATE outbox SET confirm_time = 0 WHERE confirm_time IS NOT NULL";
    database.execute_raw(Statement::from_string(database.get_database_backend(), sql)).await.unwrap();
}

/// Removes the message about the invitation from the stream, and nothing else.
async fn lose(suite: &Suite, invitation: &str) {
    let client = sandbox::nats::connect(suite.description.nats_url.as_deref().unwrap()).await.unwrap();
    let stream = jetstream::new(client).get_stream("USHER").await.unwrap();
    let last = stream.cached_info().state.last_sequence;
    for sequence in 1..=last {
        let Ok(message) = stream.get_raw_message(sequence).await else { continue };
        let about = message.headers.get("ce-subject").is_some_and(|name| name.as_str() == invitation);
        if about && message.subject.as_str() == "usher.invitation.invitation.created" {
            assert!(stream.delete_message(sequence).await.unwrap());
            return;
        }
    }
    panic!("the stream has no message about {invitation}");
}

#[tokio::test]
async fn an_invitation_whose_message_alone_was_lost_is_mailed_once() {
    let mut suite = start(&options(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    let seen = ledger.invite(&address("seen")).await;
    ledger.settles(SOON).await;
    asked(&suite, &seen, "confirm_time").await;

    kill(&mut suite, Service::Notifier, 0);
    let email = address("unseen");
    let unseen = ledger.invite(&email).await;
    asked(&suite, &unseen, "publish_time").await;
    lose(&suite, &unseen).await;
    revive(&mut suite, Service::Notifier, 0);
    assert_eq!(asked(&suite, &unseen, "confirm_time").await, 0, "nobody misses it");
    assert_eq!(ledger.copies(&email), 0);

    let_time_pass(&suite).await;
    ledger.settles(SOON).await;
    assert_eq!(asked(&suite, &unseen, "confirm_time").await, 1);
    assert_eq!(asked(&suite, &seen, "confirm_time").await, 0, "what was heard of is not told again");
}
