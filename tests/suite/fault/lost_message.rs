//! NATS loses one message out of many, so that the stream looks whole and every consumer has acknowledged all that there is.

use async_nats::jetstream;
use sandbox::{Service, Suite, Topology, until};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};

use super::{options, start};
use crate::support::address;
use crate::support::mail::mails;
use crate::support::people::{Person, admin_of};
use crate::support::tree::{grant, managed, offer};

/// Invites somebody by mail and returns the name of the invitation.
async fn invite_by_mail(admin: &Person, community: &str, email: &str) -> String {
    let mut request = offer(community, email, vec![grant(community, &["guest"])]);
    request.notify = None;
    let answer = admin.caller.invitation().create_invitation(request).await.unwrap().into_inner();
    answer.invitation.unwrap().name
}

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
    let admin = admin_of(&suite.description).await;
    let community = managed(&admin).await;
    let mailbox = suite.description.mailbox.clone();
    let (seen, unseen) = (address("seen"), address("unseen"));
    let of_seen = invite_by_mail(&admin, &community, &seen).await;
    until("the first mail arrives", || async { mails(&mailbox, &seen).pop() }).await;
    asked(&suite, &of_seen, "confirm_time").await;

    suite.processes.get_mut(&Service::Notifier).unwrap()[0].crash();
    let invitation = invite_by_mail(&admin, &community, &unseen).await;
    asked(&suite, &invitation, "publish_time").await;
    lose(&suite, &invitation).await;
    let again = suite.process(Service::Notifier, 0).unwrap();
    suite.processes.insert(Service::Notifier, vec![again]);
    assert_eq!(asked(&suite, &invitation, "confirm_time").await, 0, "nobody misses it");
    assert!(mails(&mailbox, &unseen).is_empty());

    let_time_pass(&suite).await;
    until("the mail arrives after all", || async { mails(&mailbox, &unseen).pop() }).await;
    assert_eq!(asked(&suite, &invitation, "confirm_time").await, 1);
    assert_eq!(asked(&suite, &of_seen, "confirm_time").await, 0, "what was heard of is not told again");
    assert_eq!((mails(&mailbox, &seen).len(), mails(&mailbox, &unseen).len()), (1, 1));
}
