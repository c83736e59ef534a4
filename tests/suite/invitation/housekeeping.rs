//! What the service does by itself: reminding people, and destroying what is known of them.

use sandbox::{Service, until};
use sea_orm::{ConnectionTrait as _, Statement};
use tonic::Code;
use usher_api::invitation::{
    GetInvitationRequest, Invitation, InvitationState, ListInvitationsRequest, ResendInvitationRequest,
    RevokeInvitationRequest, UpdateInvitationRequest,
};
use usher_runtime::Clock;

use super::told;
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::rows::{age_request, database, let_the_purge_come, let_the_reminder_come};
use crate::support::tree::{accept, expired, grant, invite, managed, offer, token};
use crate::support::{address, mail};

const DAY: i64 = 24 * 3_600;

async fn get(person: &Person, name: &str) -> Invitation {
    let request = GetInvitationRequest { name: name.to_owned() };
    let answer = person.caller.invitation().get_invitation(request).await;
    answer.expect("he sees it").into_inner().invitation.expect("it comes")
}

/// An invitation for so many days, of which a mail was sent.
async fn mailed(admin: &Person, community: &str, days: i64) -> Invitation {
    let email = address("guest");
    let mut request = offer(community, &email, vec![grant(community, &["guest"])]);
    request.notify = None;
    request.ttl = Some(prost_types::Duration { seconds: days * DAY, nanos: 0 });
    let answer = admin.caller.invitation().create_invitation(request).await.unwrap().into_inner();
    mail::arrived(&email, 1).await;
    answer.invitation.unwrap()
}

/// When the person is to be reminded, in seconds before the end.
async fn reminded_before_end(invitation: &Invitation) -> Option<i64> {
    let database = database(Service::Invitation).await;
    let id = uuid::Uuid::parse_str(&invitation.uid).unwrap();
    let sql = "SELECT expire_time, remind_time FROM invitation WHERE id = $1";
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [id.into()]);
    let row = database.query_one_raw(statement).await.unwrap().unwrap();
    let end: i64 = row.try_get("", "expire_time").unwrap();
    let remind: Option<i64> = row.try_get("", "remind_time").unwrap();
    remind.map(|remind| (end - remind) / 1_000_000)
}

/// Waits until the sweeper has done everything once more: after it made one expiry visible it did the rest before the next.
async fn swept(admin: &Person, community: &str) {
    for _ in 0..2 {
        let (name, _) = expired(admin, community, &address("late"), vec![grant(community, &["guest"])]).await;
        until("the expiry is made visible", || async {
            told(&name).await.contains(&"invitation.expired".to_owned()).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_person_is_reminded_once_two_days_before_the_end_of_a_long_life() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let long = mailed(&admin, &community, 4).await;
    assert_eq!(reminded_before_end(&long).await, Some(2 * DAY));
    let_the_reminder_come(&long.name).await;
    let reminders = async || {
        let told = told(&long.name).await;
        told.iter().filter(|kind| *kind == "invitation.reminder_due").count()
    };
    until("the reminder is told", || async { (reminders().await == 1).then_some(()) }).await;
    // It spoils nobody's etag.
    assert_eq!(get(&admin, &long.name).await.etag, long.etag);
    swept(&admin, &community).await;
    assert_eq!((reminders().await, reminded_before_end(&long).await), (1, None));
}

#[tokio::test]
async fn nobody_is_reminded_of_a_short_life_or_without_a_mail() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let short = mailed(&admin, &community, 3).await;
    assert_eq!(reminded_before_end(&short).await, None);
    let unmailed = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    assert_eq!(reminded_before_end(&unmailed).await, None);
    let resend =
        ResendInvitationRequest { name: unmailed.name.clone(), ..ResendInvitationRequest::default() };
    admin.caller.invitation().resend_invitation(resend).await.unwrap();
    assert_eq!(reminded_before_end(&unmailed).await, Some(2 * DAY), "another life begins");

    let seconds = Clock::system().now().unix_seconds() + 10 * DAY;
    let longer = Invitation {
        name: short.name.clone(),
        expire_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
        ..Invitation::default()
    };
    let update = UpdateInvitationRequest { invitation: Some(longer), ..UpdateInvitationRequest::default() };
    admin.caller.invitation().update_invitation(update).await.unwrap();
    assert_eq!(reminded_before_end(&short).await, Some(2 * DAY), "a longer life is a long one");
}

#[tokio::test]
async fn what_has_ended_is_not_reminded_of() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let long = mailed(&admin, &community, 7).await;
    let revoke = RevokeInvitationRequest { name: long.name.clone(), ..RevokeInvitationRequest::default() };
    admin.caller.invitation().revoke_invitation(revoke).await.unwrap();
    let_the_reminder_come(&long.name).await;
    swept(&admin, &community).await;
    assert!(!told(&long.name).await.contains(&"invitation.reminder_due".to_owned()));
}

#[tokio::test]
async fn what_is_known_of_a_person_is_destroyed_in_time() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let grants = || vec![grant(&community, &["guest"])];
    let mut named = offer(&community, &guest.email, grants());
    let words = named.invitation.as_mut().unwrap();
    words.display_name = "Ola Nordmann".to_owned();
    words.annotations.insert("ticket".to_owned(), "of Ola".to_owned());
    let answer = admin.caller.invitation().create_invitation(named).await.unwrap().into_inner();
    let accepted = answer.invitation.unwrap();
    let retention = accepted.purge_time.unwrap().seconds - accepted.expire_time.unwrap().seconds;
    assert_eq!(retention, 90 * DAY);
    let link = token(&admin, &accepted.name).await;
    accept(&guest, &link).await.unwrap();
    assert!(source_address(&accepted).await.is_some(), "the evidence says where he was");
    let waiting = invite(&admin, &community, &address("waiting"), grants()).await;
    for name in [&accepted.name, &waiting.name] {
        let_the_purge_come(name).await;
    }
    let purged = until("the invitation is purged", || async {
        let seen = get(&admin, &accepted.name).await;
        seen.purged.then_some(seen)
    })
    .await;
    assert_eq!((purged.state(), purged.display_name.as_str()), (InvitationState::Accepted, ""));
    assert!(purged.annotations.is_empty());
    assert_eq!(source_address(&accepted).await, None);
    assert!(purged.email.starts_with("purged:") && !purged.email.contains(&guest.email));
    assert!(told(&accepted.name).await.ends_with(&["invitation.purged".to_owned()]));
    refused(accept(&guest, &link).await, Code::NotFound, "INVITATION_NOT_FOUND");
    swept(&admin, &community).await;
    assert!(!get(&admin, &waiting.name).await.purged, "what waits is not purged");

    // Whoever knows the address still finds it, and the address can be invited anew.
    let to_guest = ListInvitationsRequest {
        parent: community.clone(),
        email: guest.email.to_uppercase(),
        ..ListInvitationsRequest::default()
    };
    let listed = admin.caller.invitation().list_invitations(to_guest).await.unwrap().into_inner();
    assert_eq!(listed.invitations.into_iter().map(|it| it.name).collect::<Vec<_>>(), [accepted.name]);
    assert_eq!(holding(&guest.email).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_purged_invitation_cannot_be_sent_again() {
    let admin = admin().await;
    let (community, email) = (managed(&admin).await, address("late"));
    let (name, _) = expired(&admin, &community, &email, vec![grant(&community, &["guest"])]).await;
    until("it is known to have expired", || async {
        told(&name).await.contains(&"invitation.expired".to_owned()).then_some(())
    })
    .await;
    let_the_purge_come(&name).await;
    until("the invitation is purged", || async { get(&admin, &name).await.purged.then_some(()) }).await;
    let resend = ResendInvitationRequest { name: name.clone(), ..ResendInvitationRequest::default() };
    let answer = admin.caller.invitation().resend_invitation(resend).await;
    let metadata = refused(answer, Code::FailedPrecondition, "INVITATION_PURGED");
    assert_eq!(metadata["invitation"], name);
    invite(&admin, &community, &email, vec![grant(&community, &["guest"])]).await;
}

/// Where the person was who accepted, as far as that is kept.
async fn source_address(invitation: &Invitation) -> Option<String> {
    let database = database(Service::Invitation).await;
    let id = uuid::Uuid::parse_str(&invitation.uid).unwrap();
    let sql = "SELECT source_address FROM acceptance WHERE invitation_id = $1";
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [id.into()]);
    database.query_one_raw(statement).await.unwrap().unwrap().try_get("", "source_address").unwrap()
}

#[tokio::test]
async fn answers_to_requests_of_long_ago_are_forgotten() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let request = offer(&community, &address("guest"), vec![grant(&community, &["guest"])]);
    let client = || admin.caller.invitation();
    let first = client().create_invitation(request.clone()).await.unwrap().into_inner();
    assert_eq!(client().create_invitation(request.clone()).await.unwrap().into_inner(), first);
    age_request(&request.request_id).await;
    until("the request is forgotten", || async {
        client().create_invitation(request.clone()).await.is_err().then_some(())
    })
    .await;
    let answer = client().create_invitation(request).await;
    refused(answer, Code::AlreadyExists, "INVITATION_ALREADY_PENDING");
}

/// The tables of the service, apart from the answers to requests, that hold the address in some column.
async fn holding(email: &str) -> Vec<String> {
    let database = database(Service::Invitation).await;
    let columns =
        [("invitation", "email"), ("invitation", "email_canonical"), ("invitation_grant", "email_canonical")];
    let mut holding = Vec::new();
    for (table, column) in columns {
        let sql = format!("SELECT 1 FROM {table} WHERE {column} LIKE $1");
        let pattern = format!("%{}%", email.to_lowercase());
        let statement =
            Statement::from_sql_and_values(database.get_database_backend(), sql, [pattern.into()]);
        if database.query_one_raw(statement).await.unwrap().is_some() {
            holding.push(format!("{table}.{column}"));
        }
    }
    holding
}
