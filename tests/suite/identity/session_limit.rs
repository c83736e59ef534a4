//! How long sessions last, by what the person's communities ask.

use std::time::Duration;

use sandbox::until;
use tonic::Code;
use usher_api::community::{
    CommunitySettings, DeleteRoleRequest, Inheritance, UpdateCommunitySettingsRequest,
};
use usher_api::identity::Credentials;

use super::{change_row, claims, refresh};
use crate::support::acts::{delete_community, remove_member, set_roles, suspend_member};
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::request_id;
use crate::support::tree::{grant, join, managed, mssp, role};

const MONTH: u64 = 30 * 24 * 60 * 60;

async fn ask(admin: &Person, community: &str, minutes: i64) {
    let settings = CommunitySettings {
        name: format!("{community}/settings"),
        session_duration: Some(prost_types::Duration { seconds: minutes * 60, nanos: 0 }),
        ..CommunitySettings::default()
    };
    let request = UpdateCommunitySettingsRequest {
        settings: Some(settings),
        update_mask: None,
        request_id: request_id(),
    };
    admin.caller.community().update_community_settings(request).await.expect("the settings are right");
}

/// How many seconds a session of the refreshed credentials may stay unused.
fn life(credentials: &Credentials) -> u64 {
    let made = claims(&credentials.access_token)["iat"].as_i64().expect("there is one");
    let ends = credentials.session_expire_time.expect("there is one").seconds;
    u64::try_from(ends - made).expect("it ends later")
}

/// Refreshes until a session may stay unused for so many minutes: the news from the community service comes a moment later.
async fn lasts(person: &mut Person, minutes: u64) {
    let seconds = minutes * 60;
    let what = format!("a session of {minutes} minutes");
    let newest = std::cell::RefCell::new(person.credentials.clone());
    until(&what, || async {
        let token = newest.borrow().refresh_token.clone();
        let fresh = refresh(&token).await.expect("the session lives");
        let life = life(&fresh);
        newest.replace(fresh);
        (seconds - 2..=seconds).contains(&life).then_some(())
    })
    .await;
    person.credentials = newest.into_inner();
}

#[tokio::test]
async fn of_all_the_persons_communities_the_strictest_counts() {
    let (admin, mut mira) = (admin().await, Person::new("mira").await);
    let (one, two) = (managed(&admin).await, managed(&admin).await);
    for (place, minutes) in [(&one, 120), (&two, 60)] {
        ask(&admin, place, minutes).await;
        join(&admin, place, &mira, vec![grant(place, &["guest"])]).await;
    }
    lasts(&mut mira, 60).await;
    let again =
        Person::signed_in(&sandbox::Caller::nobody(), &mira.email, crate::support::people::PASSWORD).await;
    assert!((3598..=3600).contains(&life(&again.credentials)), "a new session too");
    suspend_member(&admin, &two, &mira.name).await;
    lasts(&mut mira, 120).await;
    remove_member(&admin, &one, &mira.name).await;
    lasts(&mut mira, MONTH / 60).await;
}

#[tokio::test]
async fn what_is_above_counts_and_what_is_inside_only_for_whoever_reaches_it() {
    let (admin, mut inside, mut above) =
        (admin().await, Person::new("inside").await, Person::new("above").await);
    let tree = mssp(&admin, 2).await;
    let (root, first, second) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    ask(&admin, root, 120).await;
    ask(&admin, second, 45).await;
    join(&admin, root, &inside, vec![grant(first, &["guest"])]).await;
    join(&admin, root, &above, vec![grant(root, &["guest"])]).await;
    lasts(&mut inside, 120).await;
    lasts(&mut above, 45).await;
    delete_community(&admin, second).await;
    lasts(&mut above, 120).await;
}

#[tokio::test]
async fn nothing_is_asked_of_who_is_suspended_or_reaches_it_no_more_whatever_happens_to_his_roles() {
    let (admin, mut mira, mut noor) = (admin().await, Person::new("mira").await, Person::new("noor").await);
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let name = role(&admin, root, &["communities.get"]).await;
    ask(&admin, root, 120).await;
    ask(&admin, inside, 45).await;
    join(&admin, root, &mira, vec![grant(inside, &["guest"])]).await;
    join(&admin, root, &noor, vec![grant(root, &[&name])]).await;
    lasts(&mut mira, 45).await;
    lasts(&mut noor, 45).await;
    suspend_member(&admin, inside, &mira.name).await;
    lasts(&mut mira, MONTH / 60).await;
    set_roles(&admin, inside, &mira.name, [("analyst".to_owned(), Inheritance::Self_)]).await;
    let request = DeleteRoleRequest { name, force: true, ..DeleteRoleRequest::default() };
    admin.caller.community().delete_role(request).await.unwrap();
    // News come in their order, so what happened to her roles before is known by now.
    lasts(&mut noor, 120).await;
    let refreshed = refresh(&mira.credentials.refresh_token).await.unwrap();
    assert!(life(&refreshed) > 120 * 60);
}

#[tokio::test]
async fn a_session_that_was_unused_for_longer_than_is_allowed_by_now_is_over() {
    let (admin, mut mira) = (admin().await, Person::new("mira").await);
    let place = managed(&admin).await;
    join(&admin, &place, &mira, vec![grant(&place, &["guest"])]).await;
    ask(&admin, &place, 60).await;
    lasts(&mut mira, 60).await;
    let unused = Duration::from_mins(59);
    age(&mira.credentials, unused).await;
    mira.credentials = refresh(&mira.credentials.refresh_token).await.expect("59 minutes are allowed");
    ask(&admin, &place, 15).await;
    lasts(&mut mira, 15).await;
    age(&mira.credentials, Duration::from_mins(16)).await;
    let late = refresh(&mira.credentials.refresh_token).await;
    refused(late, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
}

#[tokio::test]
async fn no_session_lasts_for_ever() {
    let mira = Person::new("mira").await;
    let id = super::session_id(&mira.credentials);
    let used = refresh(&mira.credentials.refresh_token).await.unwrap();
    let old = "UPDATE session SET create_time = create_time - 7775000000000 WHERE id = $1";
    change_row(old, [id.into()]).await;
    let fresh = refresh(&used.refresh_token).await.unwrap();
    assert!(life(&fresh) <= 1_000, "{} seconds are left of 90 days", life(&fresh));
    let older = "UPDATE session SET create_time = create_time - 1001000000 WHERE id = $1";
    change_row(older, [id.into()]).await;
    refused(refresh(&fresh.refresh_token).await, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
}

/// Makes it `time` since the session was used, but leaves its end.
async fn age(credentials: &Credentials, time: Duration) {
    let sql = "UPDATE session SET rotate_time = rotate_time - $1 WHERE id = $2";
    let micros = i64::try_from(time.as_micros()).expect("it is short");
    change_row(sql, [micros.into(), super::session_id(credentials).into()]).await;
}
