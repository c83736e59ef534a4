//! The identity service dies, again and again, while people refresh sessions and change passwords. Whoever repeats what was not
//! answered gets the answer, and finds everything done once.

use std::future::Future;
use std::time::Duration;

use sandbox::{Caller, Description, Service, Suite, Topology, until};
use sea_orm::{ConnectionTrait as _, Statement, Value};
use tonic::{Code, Status};
use usher_api::identity::{
    AuthenticateRequest, ChangePasswordRequest, MintAccountMailRequest, RefreshSessionRequest,
    RequestPasswordResetRequest, ResetPasswordRequest,
};

use super::{options, start};
use crate::support::people::{PASSWORD, Person};
use crate::support::{address, request_id};

/// How often the service dies during each kind of call.
const CRASHES: u32 = 6;

/// Calls until it is answered, as a client does whose connection breaks, or who is told that there is too much to do: attempts whose
/// process died with them take places for 30 seconds.
async fn insist<T, F: Future<Output = Result<T, Status>>>(call: impl Fn() -> F) -> T {
    until("the call is answered", || async {
        match call().await {
            Ok(answer) => Some(answer),
            Err(status) => {
                let broken = matches!(
                    status.code(),
                    Code::Unavailable
                        | Code::Unknown
                        | Code::Internal
                        | Code::Cancelled
                        | Code::ResourceExhausted
                        | Code::DeadlineExceeded
                );
                assert!(broken, "{status:?}");
                None
            }
        }
    })
    .await
}

/// Kills the identity service `delay` after this begins, and starts it again.
async fn crash(suite: &mut Suite, delay: Duration) {
    tokio::time::sleep(delay).await;
    suite.processes.get_mut(&Service::Identity).unwrap()[0].crash();
    let again = suite.process(Service::Identity, 0).unwrap();
    suite.processes.insert(Service::Identity, vec![again]);
}

/// Moments from before a password is hashed to after everything is written.
fn moments() -> impl Iterator<Item = Duration> {
    (0..CRASHES).map(|step| Duration::from_millis(20 * u64::from(step)))
}

async fn count<const N: usize>(suite: &Description, sql: &str, values: [Value; N]) -> i64 {
    let database = sea_orm::Database::connect(&suite.databases[&Service::Identity]).await.unwrap();
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
    database.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

async fn signs_in(suite: &Description, email: &str, password: &str) -> bool {
    let request = AuthenticateRequest {
        email: email.to_owned(),
        password: password.to_owned(),
        ..AuthenticateRequest::default()
    };
    Caller::nobody_at(suite).identity().authenticate(request).await.is_ok()
}

/// How often it was told that the password changed.
async fn told(suite: &Description, person: &Person) -> i64 {
    let sql = "SELECT count(*) FROM outbox WHERE resource = $1 AND kind = 'user.password_changed'";
    count(suite, sql, [person.name.as_str().into()]).await
}

#[tokio::test]
async fn a_refresh_is_done_once() {
    let mut suite = start(&options(Topology::Apart)).await;
    let description = suite.description.clone();
    let anyone = Caller::nobody_at(&description);
    let person = Person::with_email(&anyone, &address("mira")).await;
    let mut token = person.credentials.refresh_token.clone();
    for moment in moments() {
        let request = RefreshSessionRequest { refresh_token: token, request_id: request_id() };
        let refresh = || async { anyone.identity().refresh_session(request.clone()).await };
        let (answer, ()) = tokio::join!(insist(refresh), crash(&mut suite, moment / 20));
        token = answer.into_inner().credentials.expect("they come").refresh_token;
        suite.ready().await;
    }
    let sessions = "SELECT count(*) FROM session WHERE end_time IS NULL AND account_id = $1";
    let id = person.name.trim_start_matches("users/").parse::<uuid::Uuid>().unwrap();
    assert_eq!(count(&description, sessions, [id.into()]).await, 1);
}

#[tokio::test]
async fn a_password_is_changed_once() {
    let mut suite = start(&options(Topology::Apart)).await;
    let description = suite.description.clone();
    let person = Person::with_email(&Caller::nobody_at(&description), &address("mira")).await;
    let mut current = PASSWORD.to_owned();
    for (number, moment) in moments().enumerate() {
        let request = ChangePasswordRequest {
            name: "users/me".to_owned(),
            current_password: current,
            new_password: format!("{PASSWORD}, the {number}. one"),
            request_id: request_id(),
        };
        let change = || async { person.caller.identity().change_password(request.clone()).await };
        let (_, ()) = tokio::join!(insist(change), crash(&mut suite, moment));
        current = request.new_password;
        suite.ready().await;
    }
    assert!(signs_in(&description, &person.email, &current).await);
    assert_eq!(told(&description, &person).await, i64::from(CRASHES));
}

#[tokio::test]
async fn a_password_is_reset_once() {
    let mut suite = start(&options(Topology::Apart)).await;
    let description = suite.description.clone();
    let anyone = Caller::nobody_at(&description);
    let person = Person::with_email(&anyone, &address("mira")).await;
    for (number, moment) in (1..).zip(moments()) {
        let token = reset_token(&description, &person.email).await;
        let request = ResetPasswordRequest {
            token,
            new_password: format!("{PASSWORD}, the {number}. one"),
            request_id: request_id(),
            ..ResetPasswordRequest::default()
        };
        let reset = || async { anyone.identity().reset_password(request.clone()).await };
        let (_, ()) = tokio::join!(insist(reset), crash(&mut suite, moment));
        suite.ready().await;
        assert!(signs_in(&description, &person.email, &request.new_password).await);
        assert_eq!(told(&description, &person).await, number);
    }
}

/// The secret of a link to reset the password, as the notifier gets it.
async fn reset_token(suite: &Description, email: &str) -> String {
    let anyone = Caller::nobody_at(suite);
    // So that there is no limit to how often the person forgets.
    let forget = "WITH gone AS (DELETE FROM account_mail RETURNING 1) SELECT count(*) FROM gone";
    count(suite, forget, []).await;
    let request = RequestPasswordResetRequest { email: email.to_owned() };
    anyone.identity().request_password_reset(request).await.unwrap();
    let database = sea_orm::Database::connect(&suite.databases[&Service::Identity]).await.unwrap();
    let newest = "SELECT id FROM account_mail WHERE kind = 'password_reset'";
    let row = database.query_one_raw(Statement::from_string(database.get_database_backend(), newest)).await;
    let id: uuid::Uuid = row.unwrap().unwrap().try_get("", "id").unwrap();
    let request = MintAccountMailRequest { name: format!("mails/{id}") };
    let mail = anyone.service("notifier").identity().mint_account_mail(request).await.unwrap().into_inner();
    mail.link.rsplit('/').next().unwrap().to_owned()
}
