//! Running services follow when the keys that sign access tokens change.

use sandbox::{Caller, Description, Service, Suite, Topology, program, until};
use tonic::{Code, Status};
use usher_api::community::ListCommunitiesRequest;
use usher_api::identity::GetUserRequest;

use super::{options, start};
use crate::support::people::{Person, admin_of};
use crate::support::refusal::refused;

async fn suite() -> Suite {
    let mut options = options(Topology::Apart);
    options.replicas.insert(Service::Identity, 2);
    start(&options).await
}

/// Runs `usher keys` with the settings of the identity service.
fn keys(suite: &Description, arguments: &[&str]) {
    let settings = suite.settings_file(Service::Identity, 0);
    let settings = settings.to_string_lossy();
    program::run(&[&["keys"], arguments, &["--config", &settings]].concat());
}

fn kid(person: &Person) -> String {
    let header = jsonwebtoken::decode_header(&person.credentials.access_token).expect("it is a token");
    header.kid.expect("it names its key")
}

/// Whether every service of the suite accepts the token of `person`.
async fn everybody_believes(person: &Person) -> Result<(), Status> {
    person.caller.community().list_communities(ListCommunitiesRequest::default()).await?;
    for replica in 0..2 {
        let request = GetUserRequest { name: person.name.clone() };
        person.caller.at_replica(replica).identity().get_user(request).await?;
    }
    Ok(())
}

/// The administrator, signed in at each replica of the identity service.
async fn sign_in(suite: &Description) -> Vec<Person> {
    let mut people = Vec::new();
    for replica in 0..2 {
        let anyone = Caller::nobody_at(suite).at_replica(replica);
        people.push(Person::signed_in(&anyone, &suite.admin_email, &suite.admin_password).await);
    }
    people
}

/// Whether both replicas sign by the same key, and not by that of `early`.
fn are_by_another_key(people: &[Person], early: &Person) -> bool {
    people.iter().all(|person| kid(person) == kid(&people[0]) && kid(person) != kid(early))
}

#[tokio::test]
async fn a_new_key_signs_without_a_restart_and_what_the_old_one_signed_is_believed_on() {
    let suite = suite().await;
    let early = admin_of(&suite.description).await;
    keys(&suite.description, &["rotate"]);
    everybody_believes(&early).await.unwrap();
    until("another key signs at both replicas", || async {
        let people = sign_in(&suite.description).await;
        for person in &people {
            everybody_believes(person).await.expect("a key is known before it signs");
        }
        are_by_another_key(&people, &early).then_some(())
    })
    .await;
    everybody_believes(&early).await.expect("its key retires when the token has expired");
}

#[tokio::test]
async fn what_a_revoked_key_signed_is_refused_everywhere_and_another_signs() {
    let suite = suite().await;
    let early = admin_of(&suite.description).await;
    everybody_believes(&early).await.unwrap();
    keys(&suite.description, &["revoke", &kid(&early)]);
    until("nobody believes the old key", || async {
        let community = early.caller.community().list_communities(ListCommunitiesRequest::default()).await;
        let mut answers = vec![community.map(|_| ())];
        for replica in 0..2 {
            let request = GetUserRequest { name: early.name.clone() };
            answers.push(early.caller.at_replica(replica).identity().get_user(request).await.map(|_| ()));
        }
        answers.iter().all(Result::is_err).then_some(answers)
    })
    .await
    .into_iter()
    .for_each(|answer| drop(refused(answer, Code::Unauthenticated, "TOKEN_INVALID")));
    let late = until("another key signs at both replicas", || async {
        Some(sign_in(&suite.description).await).filter(|people| are_by_another_key(people, &early))
    })
    .await;
    for person in &late {
        everybody_believes(person).await.unwrap();
    }
}
