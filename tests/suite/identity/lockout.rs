//! How many passwords can be tried.

use std::time::Duration;

use futures::future::join_all;
use sandbox::{Caller, Service};
use sea_orm::{ConnectionTrait as _, Statement};
use tonic::{Code, Status};
use usher_api::identity::{AuthenticateRequest, Credentials, MintAccountMailRequest};
use usher_runtime::Clock;
use uuid::Uuid;

use super::account_mails::{count, mail_to, skipped};
use super::{change_row, id, refresh, row};
use crate::support::address;
use crate::support::mail::about;
use crate::support::people::{PASSWORD, Person};
use crate::support::refusal::{reason, refused, throttled};
use crate::support::rows::database;
use crate::support::source::Source;

const WRONG: &str = "a short and noisy morning";

impl Source {
    async fn try_at(&self, replica: usize, email: &str, password: &str) -> Result<Credentials, Status> {
        let request = self.request(AuthenticateRequest {
            email: email.to_owned(),
            password: password.to_owned(),
            ..AuthenticateRequest::default()
        });
        let answer = self.page.at_replica(replica).identity().authenticate(request).await?;
        Ok(answer.into_inner().credentials.expect("they come"))
    }

    async fn sign_in(&self, email: &str) -> Result<Credentials, Status> {
        self.try_at(0, email, PASSWORD).await
    }

    /// Fails so many times, which must be told plainly.
    async fn fail(&self, email: &str, times: usize) {
        for _ in 0..times {
            refused(self.try_at(0, email, WRONG).await, Code::Unauthenticated, "CREDENTIALS_INVALID");
        }
    }

    async fn is_locked(&self, email: &str) {
        refused(self.sign_in(email).await, Code::FailedPrecondition, "SIGN_IN_LOCKED");
    }
}

#[tokio::test]
async fn five_failures_lock_the_account_in_every_spelling_and_nothing_else() {
    let (mira, source) = (Person::new("mira").await, Source::new());
    let other = Person::new("other").await;
    source.fail(&mira.email, 5).await;
    let answer = source.sign_in(&mira.email).await;
    let metadata = refused(answer, Code::FailedPrecondition, "SIGN_IN_LOCKED");
    assert!(metadata["unlock_time"].ends_with('Z'));
    source.is_locked(&mira.email.to_uppercase()).await;
    Source::new().is_locked(&mira.email).await;
    source.sign_in(&other.email).await.unwrap();
    refresh(&mira.credentials.refresh_token).await.expect("sessions go on");
}

#[tokio::test]
async fn a_lock_opens_by_itself_and_what_led_to_it_is_forgotten() {
    let (mira, source) = (Person::new("mira").await, Source::new());
    source.fail(&mira.email, 5).await;
    source.is_locked(&mira.email).await;
    let_pass(&source, 1_799).await;
    source.is_locked(&mira.email).await;
    let_pass(&source, 1).await;
    source.fail(&mira.email, 4).await;
    source.sign_in(&mira.email).await.unwrap();
}

#[tokio::test]
async fn a_success_makes_failures_no_longer_in_a_row() {
    let (mira, source) = (Person::new("mira").await, Source::new());
    for _ in 0..3 {
        source.fail(&mira.email, 4).await;
        source.sign_in(&mira.email).await.unwrap();
    }
}

#[tokio::test]
async fn failures_of_long_ago_do_not_count() {
    let (mira, source) = (Person::new("mira").await, Source::new());
    source.fail(&mira.email, 4).await;
    age_failures(&source, 4).await;
    source.fail(&mira.email, 4).await;
    source.sign_in(&mira.email).await.unwrap();
}

#[tokio::test]
async fn fifty_guesses_at_once_are_no_more_than_five() {
    let (mira, source) = (Person::new("mira").await, Source::new());
    let guesses = (0..50).map(|guess| source.try_at(guess, &mira.email, WRONG));
    let answers = join_all(guesses).await;
    let reasons: Vec<String> = answers.into_iter().map(|answer| reason(&answer.unwrap_err())).collect();
    let count = |wanted: &str| reasons.iter().filter(|reason| *reason == wanted).count();
    assert_eq!((count("CREDENTIALS_INVALID"), count("SIGN_IN_LOCKED")), (5, 45), "{reasons:?}");
}

#[tokio::test]
async fn any_number_may_sign_in_at_once() {
    let (mira, source) = (Person::new("mira").await, Source::new());
    let all = join_all((0..20).map(|place| source.try_at(place, &mira.email, PASSWORD))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
}

#[tokio::test]
async fn a_right_password_that_opens_nothing_takes_no_place() {
    let (mira, source) = (Person::new("mira").await, Source::new());
    let deactivate = "UPDATE account SET state = 'deactivated' WHERE id = $1";
    change_row(deactivate, [id(&mira.name).into()]).await;
    for _ in 0..7 {
        let answer = source.sign_in(&mira.email).await;
        refused(answer, Code::FailedPrecondition, "USER_NOT_ACTIVE");
    }
}

#[tokio::test]
async fn an_address_without_an_account_is_locked_like_any_other() {
    let (nobody, source) = (address("nobody"), Source::new());
    source.fail(&nobody, 5).await;
    source.is_locked(&nobody).await;
    // As much is done as for an account, until the mail is about to leave.
    assert_eq!(count(&nobody, "account_locked").await, 1);
    skipped(&mail_to(&nobody).await).await;
}

#[tokio::test]
async fn that_an_account_is_locked_is_mailed_to_its_person_and_told_once() {
    let (mira, source) = (Person::new("mira").await, Source::new());
    source.fail(&mira.email, 5).await;
    assert!(about(&mira.email, "locked").await.text.contains("works again from"));
    let mail = MintAccountMailRequest { name: mail_to(&mira.email).await };
    Caller::nobody().service("notifier").identity().mint_account_mail(mail).await.unwrap();
    let told = "SELECT count(*) FROM outbox WHERE resource = $1 AND kind = 'user.locked'";
    let told = row(told, [mira.name.as_str().into()]).await;
    assert_eq!(told.try_get_by_index::<i64>(0).unwrap(), 1);
}

#[tokio::test]
async fn a_hundred_failures_are_the_most_from_one_source() {
    let (mira, source) = (Person::new("mira").await, Source::new());
    let addresses: Vec<String> = (0..20).map(|_| address("nobody")).collect();
    join_all(addresses.iter().map(|email| source.fail(email, 5))).await;
    let answer = source.sign_in(&mira.email).await;
    let wait = throttled(answer, "SIGN_IN_THROTTLED", "FAILURES_FROM_SOURCE").as_secs();
    // The first failure counts no longer, which was a moment ago.
    assert!((420..=600).contains(&wait), "{wait}");
    let neighbour = Source { address: source.address.replace("::1", ":1:2:3:4"), ..source };
    throttled(neighbour.sign_in(&mira.email).await, "SIGN_IN_THROTTLED", "FAILURES_FROM_SOURCE");
    Source::new().sign_in(&mira.email).await.expect("others are not meant");
}

#[tokio::test]
async fn guesses_at_once_from_one_source_are_no_more_than_in_a_row() {
    let source = Source::new();
    fail_long_ago(&source, 97).await;
    let guesses = (0..12).map(|guess| {
        let source = source.clone();
        async move { source.try_at(guess, &address("nobody"), WRONG).await }
    });
    let answers = join_all(guesses).await;
    let (judged, others): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| reason(answer.as_ref().unwrap_err()) == "CREDENTIALS_INVALID");
    assert_eq!(judged.len(), 3, "{others:?}");
    for answer in others {
        let wait = throttled(answer, "SIGN_IN_THROTTLED", "FAILURES_FROM_SOURCE").as_secs();
        assert!((230..=300).contains(&wait), "{wait}");
    }
}

/// Makes `count` failures from `source` known, of five minutes ago.
async fn fail_long_ago(source: &Source, count: u32) {
    let database = database(Service::Identity).await;
    let time = Clock::system().now().before(Duration::from_mins(5));
    let sql = "INSERT INTO sign_in (id, address_key, outcome, device, source, source_range, create_time) \
               VALUES ($1, $2, 'failed', '', $3, $4, $5)";
    for _ in 0..count {
        let range = source.address.trim_end_matches('1');
        let id = Uuid::new_v4();
        let key = id.as_bytes().to_vec();
        let values = [id.into(), key.into(), source.address.as_str().into(), range.into(), time.0.into()];
        let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
        database.execute_raw(statement).await.expect("the row is written");
    }
}

/// Makes the failures from `source`, of which there are `count`, older by the 10 minutes that they count here.
async fn age_failures(source: &Source, count: u64) {
    let sql = "UPDATE sign_in SET create_time = create_time - 600000001 WHERE source = $1";
    super::change_rows(sql, [source.address.as_str().into()], count).await;
}

/// Lets `seconds` pass for the address that was locked from `source`.
async fn let_pass(source: &Source, seconds: i64) {
    let sql = "UPDATE sign_in_guard SET unlock_time = unlock_time - $1 \
               WHERE address_key IN (SELECT address_key FROM sign_in WHERE source = $2)";
    change_row(sql, [(seconds * 1_000_000).into(), source.address.as_str().into()]).await;
}
