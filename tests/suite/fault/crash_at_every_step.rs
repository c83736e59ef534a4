//! The invitation service is killed at each step of an acceptance: while a lock in the right database holds the step up. Whoever
//! repeats what was not answered gets one membership; if nobody does, the sweeper makes it so, or nothing was begun.

use std::future::Future;

use sandbox::{Caller, Description, Service, Suite, Topology, until};
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, Statement, TransactionTrait as _,
};
use tonic::{Code, Status};
use usher_api::invitation::{
    AcceptInvitationRequest, AcceptInvitationResponse, GetInvitationRequest, Invitation, InvitationState,
    Registration,
};

use super::{options, start};
use crate::support::address;
use crate::support::people::{PASSWORD, Person, TERMS, admin_of};
use crate::support::tree::{allowed, grant, invite, managed, token};

/// The steps, each by the table that it is held up at.
const STEPS: [(Service, &str); 4] = [
    // The account of a new person is made.
    (Service::Identity, "account"),
    // The invitation is claimed.
    (Service::Invitation, "acceptance"),
    // The memberships are made.
    (Service::Community, "member"),
    // What came of it is written down.
    (Service::Invitation, "invitation_grant"),
];

async fn connect(suite: &Description, service: Service) -> DatabaseConnection {
    sea_orm::Database::connect(&suite.databases[&service]).await.unwrap()
}

/// A table that nobody can write to until this is dropped.
struct Lock {
    table: &'static str,
    database: DatabaseConnection,
    transaction: DatabaseTransaction,
}

impl Lock {
    async fn take(suite: &Description, (service, table): (Service, &'static str)) -> Self {
        let database = connect(suite, service).await;
        let transaction = database.begin().await.unwrap();
        transaction.execute_unprepared(&format!("LOCK TABLE {table} IN EXCLUSIVE MODE")).await.unwrap();
        Self { table, database, transaction }
    }

    /// Waits until somebody wants to write.
    async fn is_in_the_way(&self) {
        until("somebody waits for the table", || async {
            let sql = "SELECT count(*) AS waiting FROM pg_locks JOIN pg_class ON pg_class.oid = pg_locks.relation \
                       WHERE NOT granted AND relname = $1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            let statement = Statement::from_sql_and_values(
                self.database.get_database_backend(),
                sql,
                [self.table.into()],
            );
            let row = self.database.query_one_raw(statement).await.unwrap().unwrap();
            (row.try_get::<i64>("", "waiting").unwrap() > 0).then_some(())
        })
        .await;
    }

    async fn release(self) {
        self.transaction.rollback().await.unwrap();
    }
}

/// Whether an acceptance that has come to `step` is completed, whoever dies.
fn is_begun(step: (Service, &'static str)) -> bool {
    matches!(step.1, "member" | "invitation_grant")
}

/// Kills the invitation service while it is at `step` of `call`, and starts it again.
async fn crash_at<T: std::fmt::Debug>(
    suite: &mut Suite,
    step: (Service, &'static str),
    call: impl Future<Output = Result<T, Status>>,
) {
    let description = suite.description.clone();
    let lock = Lock::take(&description, step).await;
    let crash = async {
        lock.is_in_the_way().await;
        if is_begun(step) {
            // What is told of the new account comes to the same table, and may come first.
            until("the invitation is claimed", || async {
                let claimed = "SELECT count(*) FROM invitation WHERE state <> $1 AND claim_id IS NOT NULL";
                (count(&description, Service::Invitation, claimed, "accepted").await > 0).then_some(())
            })
            .await;
        }
        suite.processes.get_mut(&Service::Invitation).unwrap()[0].crash();
        lock.release().await;
    };
    let (answer, ()) = tokio::join!(call, crash);
    let status = answer.expect_err("the service died");
    assert!(is_broken(&status), "{status:?}");
    let again = suite.process(Service::Invitation, 0).unwrap();
    suite.processes.insert(Service::Invitation, vec![again]);
    suite.ready().await;
}

/// Whether the connection broke, or what is behind it does not answer.
fn is_broken(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled)
}

async fn register(anyone: &Caller, token: &str) -> Result<AcceptInvitationResponse, Status> {
    let registration = Registration {
        full_name: "Noor Haddad".to_owned(),
        password: PASSWORD.to_owned(),
        terms_version: TERMS.to_owned(),
        ..Registration::default()
    };
    let request = AcceptInvitationRequest {
        token: token.to_owned(),
        registration: Some(registration),
        ..AcceptInvitationRequest::default()
    };
    Ok(anyone.invitation().accept_invitation(request).await?.into_inner())
}

/// Calls until it is answered: what the dead process held is free a moment later.
async fn insist<T, F: Future<Output = Result<T, Status>>>(call: impl Fn() -> F) -> T {
    until("the call is answered", || async {
        match call().await {
            Ok(answer) => Some(answer),
            Err(status) => {
                assert!(is_broken(&status) || status.code() == Code::Aborted, "{status:?}");
                None
            }
        }
    })
    .await
}

async fn count(suite: &Description, service: Service, sql: &str, value: &str) -> i64 {
    let database = connect(suite, service).await;
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [value.into()]);
    database.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// How often it was told that the invitation was accepted, and that somebody became a member.
async fn told(suite: &Description, invitation: &str, community: &str) -> (i64, i64) {
    let accepted = "SELECT count(*) FROM outbox WHERE kind = 'invitation.accepted' AND resource = $1";
    let joined =
        "SELECT count(*) FROM outbox WHERE kind = 'member.created' AND resource LIKE $1 || '/members/%'";
    (
        count(suite, Service::Invitation, accepted, invitation).await,
        // The first is the administrator who made it.
        count(suite, Service::Community, joined, community).await - 1,
    )
}

async fn accounts(suite: &Description, email: &str) -> i64 {
    count(suite, Service::Identity, "SELECT count(*) FROM account WHERE email = $1", email).await
}

async fn now(admin: &Person, name: &str) -> Option<Invitation> {
    let request = GetInvitationRequest { name: name.to_owned() };
    admin.caller.invitation().get_invitation(request).await.ok()?.into_inner().invitation
}

#[tokio::test]
async fn whoever_repeats_an_acceptance_that_died_at_any_step_is_a_member_once() {
    let mut suite = start(&options(Topology::Apart)).await;
    let description = suite.description.clone();
    let (admin, anyone) = (admin_of(&description).await, Caller::nobody_at(&description));
    let community = managed(&admin).await;
    for (joined, step) in (1..).zip(STEPS) {
        let email = address("guest");
        let name = invite(&admin, &community, &email, vec![grant(&community, &["guest"])]).await.name;
        let token = token(&admin, &name).await;
        crash_at(&mut suite, step, register(&anyone, &token)).await;
        let answer = insist(|| register(&anyone, &token)).await;
        assert_eq!(insist(|| register(&anyone, &token)).await, answer);
        let guest = Person::signed_in(&anyone, &email, PASSWORD).await;
        assert_eq!(answer.invitation.unwrap().invitee, guest.name);
        assert!(allowed(&guest, &community, "communities.get").await, "{step:?}");
        assert_eq!(told(&description, &name, &community).await, (1, joined), "{step:?}");
        assert_eq!(accounts(&description, &email).await, 1, "{step:?}");
    }
}

#[tokio::test]
async fn an_acceptance_that_nobody_repeats_is_completed_or_was_never_begun() {
    let mut suite = start(&options(Topology::Apart)).await;
    let description = suite.description.clone();
    let (admin, anyone) = (admin_of(&description).await, Caller::nobody_at(&description));
    for step in STEPS {
        let (community, email) = (managed(&admin).await, address("guest"));
        let name = invite(&admin, &community, &email, vec![grant(&community, &["guest"])]).await.name;
        let token = token(&admin, &name).await;
        crash_at(&mut suite, step, register(&anyone, &token)).await;
        if !is_begun(step) {
            assert_eq!(now(&admin, &name).await.unwrap().state(), InvitationState::Pending, "{step:?}");
            assert_eq!(told(&description, &name, &community).await, (0, 0), "{step:?}");
            continue;
        }
        until("the sweeper completes the acceptance", || async {
            (now(&admin, &name).await?.state() == InvitationState::Accepted).then_some(())
        })
        .await;
        let guest = Person::signed_in(&anyone, &email, PASSWORD).await;
        assert!(allowed(&guest, &community, "communities.get").await, "{step:?}");
        assert_eq!(told(&description, &name, &community).await, (1, 1), "{step:?}");
    }
}
