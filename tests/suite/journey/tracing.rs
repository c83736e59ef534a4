//! One trace from the call to the mail.

use sandbox::{Service, until};
use sea_orm::{ConnectionTrait as _, Statement};
use tonic::Request;
use uuid::Uuid;

use crate::support::address;
use crate::support::people::admin;
use crate::support::rows::database;
use crate::support::tree::{grant, managed, offer};

#[tokio::test]
async fn the_trace_of_a_call_goes_on_through_the_outbox_to_the_delivery() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let trace = Uuid::new_v4().simple().to_string();
    let mut message = offer(&community, &address("guest"), vec![grant(&community, &["guest"])]);
    message.notify = None;
    let mut request = Request::new(message);
    request.metadata_mut().insert("traceparent", format!("00-{trace}-00f067aa0ba902b7-01").parse().unwrap());
    let answer = admin.caller.invitation().create_invitation(request).await.unwrap().into_inner();
    let name = answer.invitation.unwrap().name;

    for (service, table, column) in
        [(Service::Invitation, "outbox", "resource"), (Service::Notifier, "delivery", "invitation")]
    {
        let connection = database(service).await;
        let sql = format!("SELECT traceparent FROM {table} WHERE {column} = $1");
        let found = until(&format!("{table} knows of the invitation"), || async {
            let backend = connection.get_database_backend();
            let statement = Statement::from_sql_and_values(backend, &sql, [name.clone().into()]);
            let row = connection.query_one_raw(statement).await.unwrap()?;
            Some(row.try_get::<String>("", "traceparent").unwrap())
        })
        .await;
        assert!(found.contains(&trace), "{table}: {found}");
    }
}
