//! What others learn, once and in order.

use sandbox::{Service, until};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use usher_api::notifier::ListDeliveriesRequest;

use crate::support::address;
use crate::support::mail::arrived;
use crate::support::people::admin;
use crate::support::rows::database;
use crate::support::tree::{expired, grant, managed, offer};

#[tokio::test]
async fn expiry_is_told_once_and_no_change_goes_untold() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let grants = vec![grant(&community, &["guest"])];
    let (name, _) = expired(&admin, &community, &address("guest"), grants).await;
    let outbox = database(Service::Invitation).await;
    let told = until("the sweeper tells of the expiry", || async {
        let told = told(&outbox, &name).await;
        told.iter().any(|(kind, _)| kind == "invitation.expired").then_some(told)
    })
    .await;
    assert_eq!(told.iter().filter(|(kind, _)| kind == "invitation.expired").count(), 1, "{told:?}");
    let versions: Vec<i64> = told.iter().map(|(_, version)| *version).collect();
    assert_eq!(versions, (1..=i64::try_from(told.len()).unwrap()).collect::<Vec<_>>(), "{told:?}");
}

#[tokio::test]
async fn an_event_that_comes_twice_sends_one_mail() {
    let admin = admin().await;
    let (community, email) = (managed(&admin).await, address("guest"));
    let mut request = offer(&community, &email, vec![grant(&community, &["guest"])]);
    request.notify = None;
    let answer = admin.caller.invitation().create_invitation(request).await.unwrap().into_inner();
    let name = answer.invitation.unwrap().name;
    arrived(&email, 1).await;

    let outbox = database(Service::Invitation).await;
    let forget = "UPDATE outbox SET publish_time = NULL, available_time = 0 \
                  WHERE kind = 'invitation.created' AND resource = $1";
    execute(&outbox, forget, &name).await;
    until("the event is published again", || async {
        let sql = "SELECT id FROM outbox WHERE kind = 'invitation.created' AND resource = $1 AND publish_time IS NOT NULL";
        let statement = Statement::from_sql_and_values(outbox.get_database_backend(), sql, [name.clone().into()]);
        outbox.query_one_raw(statement).await.unwrap().map(|_| ())
    })
    .await;
    let about = ListDeliveriesRequest { invitation: name, ..ListDeliveriesRequest::default() };
    let answer = admin.caller.notifier().list_deliveries(about).await.unwrap().into_inner();
    assert_eq!(answer.deliveries.len(), 1);
    assert_eq!(arrived(&email, 1).await.len(), 1);
}

/// Kind and version of every event about the resource, in the order of the versions.
async fn told(outbox: &DatabaseConnection, resource: &str) -> Vec<(String, i64)> {
    let sql = "SELECT kind, version FROM outbox WHERE resource = $1 ORDER BY version";
    let statement = Statement::from_sql_and_values(outbox.get_database_backend(), sql, [resource.into()]);
    let rows = outbox.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| (row.try_get("", "kind").unwrap(), row.try_get("", "version").unwrap())).collect()
}

async fn execute(connection: &DatabaseConnection, sql: &str, resource: &str) {
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [resource.into()]);
    connection.execute_raw(statement).await.unwrap();
}
