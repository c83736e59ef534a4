//! NATS loses what it had taken. The services' databases have it still, so that nobody waits for a mail in vain.

use sandbox::{Service, Suite, Topology, until};
use sea_orm::{ConnectionTrait as _, Statement};

use super::{options, start};
use crate::support::address;
use crate::support::mail::mails;
use crate::support::people::{Person, admin_of};
use crate::support::tree::{grant, managed, offer};

/// Invites somebody new by mail and returns the address and the name of the invitation.
async fn invite_by_mail(admin: &Person, community: &str) -> (String, String) {
    let email = address("guest");
    let mut request = offer(community, &email, vec![grant(community, &["guest"])]);
    request.notify = None;
    let answer = admin.caller.invitation().create_invitation(request).await.unwrap().into_inner();
    (email, answer.invitation.unwrap().name)
}

/// Waits until all events about the invitation are as far as `column` tells.
async fn told(suite: &Suite, invitation: &str, column: &str) {
    let database =
        sea_orm::Database::connect(&suite.description.databases[&Service::Invitation]).await.unwrap();
    let sql = format!("SELECT count(*) FROM outbox WHERE resource = $1 AND {column} IS NULL");
    until(&format!("the events of {invitation} have a {column}"), || async {
        let backend = database.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, &sql, [invitation.into()]);
        let open: i64 = database.query_one_raw(statement).await.unwrap()?.try_get_by_index(0).unwrap();
        (open == 0).then_some(())
    })
    .await;
}

async fn arrives_once(suite: &Suite, email: &str) {
    let mailbox = &suite.description.mailbox;
    until("the mail arrives", || async { mails(mailbox, email).pop() }).await;
    assert_eq!(mails(mailbox, email).len(), 1, "copies of the mail to {email}");
}

#[tokio::test]
async fn what_is_lost_before_the_notifier_saw_it_is_mailed_once() {
    let mut suite = start(&options(Topology::Apart)).await;
    let admin = admin_of(&suite.description).await;
    let community = managed(&admin).await;
    let (seen, of_seen) = invite_by_mail(&admin, &community).await;
    arrives_once(&suite, &seen).await;
    told(&suite, &of_seen, "confirm_time").await;

    suite.processes.get_mut(&Service::Notifier).unwrap()[0].crash();
    let (unseen, of_unseen) = invite_by_mail(&admin, &community).await;
    told(&suite, &of_unseen, "publish_time").await;
    let nats = suite.nats.as_mut().unwrap();
    nats.process.crash();
    nats.wipe().unwrap();
    nats.restart().await.unwrap();
    let again = suite.process(Service::Notifier, 0).unwrap();
    suite.processes.insert(Service::Notifier, vec![again]);

    arrives_once(&suite, &unseen).await;
    told(&suite, &of_unseen, "confirm_time").await;
    arrives_once(&suite, &seen).await;
}

#[tokio::test]
async fn a_stream_that_is_deleted_is_made_again_with_its_consumers() {
    let suite = start(&options(Topology::Apart)).await;
    let admin = admin_of(&suite.description).await;
    let community = managed(&admin).await;
    let (before, invitation) = invite_by_mail(&admin, &community).await;
    arrives_once(&suite, &before).await;
    told(&suite, &invitation, "confirm_time").await;

    let client = sandbox::nats::connect(suite.description.nats_url.as_deref().unwrap()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    jetstream.delete_stream("USHER").await.unwrap();
    let (after, _) = invite_by_mail(&admin, &community).await;
    arrives_once(&suite, &after).await;
    arrives_once(&suite, &before).await;
    let mut stream = jetstream.get_stream("USHER").await.unwrap();
    assert!(stream.info().await.unwrap().state.consumer_count >= 2);
}
