use std::collections::BTreeMap;

use futures::StreamExt as _;
use prost::Message as _;
use sandbox::{Caller, Service, Suite, Topology, until};
use sea_orm::{ConnectionTrait as _, Statement};
use usher_api::invitation::InvitationEvent;

use super::{options, start};
use crate::support::address;
use crate::support::people::{Person, admin_of};
use crate::support::tree::{accept, allowed, grant, invite, managed, token};

const ACCEPTS: usize = 64;

#[tokio::test]
async fn many_accepts_at_two_processes_make_one_membership_and_one_event() {
    let mut options = options(Topology::Apart);
    options.replicas = BTreeMap::from([(Service::Invitation, 2)]);
    let suite = start(&options).await;
    let admin = admin_of(&suite.description).await;
    let guest = Person::with_email(&Caller::nobody_at(&suite.description), &address("guest")).await;
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
    assert_eq!(members(&suite, &community).await, 2, "the guest and the administrator");
    assert_eq!(accepted_events(&suite, &invitation.name).await, 1);
}

async fn members(suite: &Suite, community: &str) -> i64 {
    let database =
        sea_orm::Database::connect(&suite.description.databases[&Service::Community]).await.unwrap();
    let id: uuid::Uuid = community.rsplit('/').next().unwrap().parse().unwrap();
    let sql = "SELECT count(*) AS members FROM member WHERE community_id = $1";
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [id.into()]);
    database.query_one_raw(statement).await.unwrap().unwrap().try_get("", "members").unwrap()
}

/// Counts the accepted events of the invitation in the stream, once everything in the outbox has gone there.
async fn accepted_events(suite: &Suite, invitation: &str) -> usize {
    let database =
        sea_orm::Database::connect(&suite.description.databases[&Service::Invitation]).await.unwrap();
    until("the outbox is empty", || async {
        let sql = "SELECT count(*) AS waiting FROM outbox WHERE publish_time IS NULL";
        let statement = Statement::from_string(database.get_database_backend(), sql);
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        (row.try_get::<i64>("", "waiting").unwrap() == 0).then_some(())
    })
    .await;
    let client = sandbox::nats::connect(&suite.nats.as_ref().unwrap().url()).await.unwrap();
    let mut stream = async_nats::jetstream::new(client).get_stream("USHER").await.unwrap();
    let total = stream.info().await.unwrap().state.messages;
    let config = async_nats::jetstream::consumer::pull::Config::default();
    let consumer = stream.create_consumer(config).await.unwrap();
    let messages = consumer.fetch().max_messages(usize::try_from(total).unwrap()).messages().await.unwrap();
    let messages: Vec<_> = messages.map(Result::unwrap).collect().await;
    let accepted =
        messages.iter().filter(|message| message.subject.as_str() == "usher.invitation.invitation.accepted");
    accepted
        .filter(|message| InvitationEvent::decode(message.payload.clone()).unwrap().invitation == invitation)
        .count()
}
