use futures::StreamExt as _;
use prost::Message as _;
use sandbox::{Service, current, until};
use sea_orm::{ConnectionTrait as _, Statement};
use usher_api::invitation::InvitationEvent;

use crate::support::people::{Person, admin};
use crate::support::rows::database;
use crate::support::tree::{accept, allowed, grant, invite, managed, token};

const ACCEPTS: usize = 64;

#[tokio::test]
async fn many_accepts_at_two_processes_make_one_membership_and_one_event() {
    // The suite that all tests share has two invitation services.
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await;
    let token = token(&admin, &invitation.name).await;

    let accepts = (0..ACCEPTS).map(|number| {
        let guest = Person { caller: guest.caller.at_replica(number), ..guest.clone() };
        let token = token.clone();
        async move { accept(&guest, &token).await }
    });
    let answers = futures::future::join_all(accepts).await;
    let first = answers[0].as_ref().expect("the accept is answered");
    for answer in &answers {
        assert_eq!(answer.as_ref().expect("the same person gets the same answer"), first);
    }
    assert!(allowed(&guest, &community, "communities.get").await);
    assert_eq!(members(&community).await, 2, "the guest and the administrator");
    assert_eq!(accepted_events(&invitation.name).await, 1);
}

async fn members(community: &str) -> i64 {
    let database = database(Service::Community).await;
    let id: uuid::Uuid = community.rsplit('/').next().unwrap().parse().unwrap();
    let sql = "SELECT count(*) AS members FROM member WHERE community_id = $1";
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [id.into()]);
    database.query_one_raw(statement).await.unwrap().unwrap().try_get("", "members").unwrap()
}

/// Counts the accepted events of the invitation in the stream, once all that is told of it has gone there.
async fn accepted_events(invitation: &str) -> usize {
    let database = database(Service::Invitation).await;
    until("all of it is in the stream", || async {
        let sql = "SELECT count(*) AS waiting FROM outbox WHERE publish_time IS NULL AND resource = $1";
        let backend = database.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, [invitation.into()]);
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        (row.try_get::<i64>("", "waiting").unwrap() == 0).then_some(())
    })
    .await;
    let client = sandbox::nats::connect(current().nats_url.as_deref().unwrap()).await.unwrap();
    let mut stream = async_nats::jetstream::new(client).get_stream("USHER").await.unwrap();
    let total = stream.info().await.unwrap().state.messages;
    let filter_subject = "usher.invitation.invitation.accepted".to_owned();
    let config = async_nats::jetstream::consumer::pull::Config { filter_subject, ..Default::default() };
    let consumer = stream.create_consumer(config).await.unwrap();
    let messages = consumer.fetch().max_messages(usize::try_from(total).unwrap()).messages().await.unwrap();
    let accepted: Vec<_> = messages.map(Result::unwrap).collect().await;
    accepted
        .iter()
        .filter(|message| InvitationEvent::decode(message.payload.clone()).unwrap().invitation == invitation)
        .count()
}
