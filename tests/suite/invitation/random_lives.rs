//! Lives of invitations that nobody thought of. Up to three things are done at once, then the next, by a seed; whatever the order
//! in which the processes came to it, there is one in which a plain model gives the same answers, and ends where they ended.

mod model;

use std::time::Duration;

use futures::future::join_all;
use futures::{StreamExt as _, stream};
use sandbox::{Service, until};
use sea_orm::{ConnectionTrait as _, Statement, TransactionTrait as _};
use tonic::Status;
use usher_api::invitation::{
    DeclineInvitationRequest, GetInvitationRequest, Invitation, InvitationState, ResendInvitationRequest,
    RevokeInvitationRequest, UpdateInvitationRequest,
};
use usher_runtime::Clock;
use uuid::Uuid;

use self::model::{Act, Answer, Life, State, after_all};
use super::told;
use crate::support::dice::Dice;
use crate::support::people::{Person, admin};
use crate::support::refusal::reason;
use crate::support::rows::database;
use crate::support::tree::{accept, allowed, grant, managed, offer, token};

/// How many lives are lived, how many at a time, and how long each is.
const LIVES: u64 = 32;
const AT_ONCE: usize = 6;
const MOMENTS: usize = 12;

/// A person who is invited into a community again and again.
struct Guest {
    admin: Person,
    person: Person,
    community: String,
    /// The names and a token of each invitation that was made.
    made: Vec<(String, String)>,
}

#[tokio::test]
async fn whatever_happens_at_once_happens_in_some_order() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let lives = (0..LIVES).map(|seed| live(&admin, &community, seed));
    stream::iter(lives).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

async fn live(admin: &Person, community: &str, seed: u64) {
    let (mut dice, person) = (Dice::new(seed), Person::new("guest").await);
    let mut guest = Guest { admin: admin.clone(), person, community: community.to_owned(), made: Vec::new() };
    let (mut possible, mut history) = (vec![Life::default()], Vec::new());
    for _ in 0..MOMENTS {
        let acts: Vec<Act> = (0..=dice.below(3)).map(|_| act(&mut dice, guest.made.len())).collect();
        let done = join_all(acts.iter().enumerate().map(|(place, act)| guest.perform(*act, place))).await;
        let mut answers = Vec::new();
        for (act, done) in acts.into_iter().zip(done) {
            let made = done.map_err(|status| reason(&status));
            if let Ok(Some(made)) = &made {
                guest.made.push(made.clone());
            }
            answers.push((act, made.map(|_| ())));
        }
        history.push(answers);
        let happened = history.last().expect("it was pushed");
        possible = after_all(&possible, happened);
        assert!(!possible.is_empty(), "seed {seed}: no order explains the end of {history:#?}");
    }
    guest.ends_as(&possible, &format!("seed {seed}: {history:?}")).await;
}

/// Something to do with one of so many invitations.
fn act(dice: &mut Dice, made: usize) -> Act {
    if made == 0 || dice.in_hundred(20) {
        return Act::Create;
    }
    // Mostly with the newest, of which most can still become.
    let number = if dice.in_hundred(75) { made - 1 } else { dice.below(made) };
    *dice.pick(&[
        Act::Update(number),
        Act::Resend(number),
        Act::Resend(number),
        Act::Decline(number),
        Act::Revoke(number),
        Act::Accept(number),
        Act::Accept(number),
        Act::Expire(number),
        Act::Expire(number),
        Act::Crash(number),
    ])
}

impl Guest {
    /// Does it, at one of the replicas. Returns the name and a token of what was made.
    async fn perform(&self, act: Act, replica: usize) -> Result<Option<(String, String)>, Status> {
        let mut inviter = self.admin.caller.at_replica(replica).invitation();
        let made = |number: usize| self.made[number].clone();
        match act {
            Act::Create => {
                let grants = vec![grant(&self.community, &["guest"])];
                let request = offer(&self.community, &self.person.email, grants);
                let answer = inviter.create_invitation(request).await?.into_inner();
                let name = answer.invitation.expect("it comes").name;
                let token = token(&self.admin, &name).await;
                return Ok(Some((name, token)));
            }
            Act::Update(number) => {
                let invitation = Invitation {
                    name: made(number).0,
                    display_name: Uuid::new_v4().to_string(),
                    ..Invitation::default()
                };
                let request = UpdateInvitationRequest { invitation: Some(invitation), ..Default::default() };
                inviter.update_invitation(request).await?;
            }
            Act::Resend(number) => {
                let request = ResendInvitationRequest { name: made(number).0, ..Default::default() };
                inviter.resend_invitation(request).await?;
            }
            Act::Revoke(number) => {
                let request = RevokeInvitationRequest { name: made(number).0, ..Default::default() };
                inviter.revoke_invitation(request).await?;
            }
            Act::Decline(number) => {
                let request = DeclineInvitationRequest { token: made(number).1, ..Default::default() };
                self.person.caller.at_replica(replica).invitation().decline_invitation(request).await?;
            }
            Act::Accept(number) => {
                let caller = self.person.caller.at_replica(replica);
                accept(&Person { caller, ..self.person.clone() }, &made(number).1).await?;
            }
            Act::Expire(number) => expire(&made(number).0).await,
            Act::Crash(number) => crash(&made(number).0, &self.person.name).await,
        }
        Ok(None)
    }

    /// Waits until what a dead process left behind is completed, and all is as the model has it.
    async fn ends_as(&self, possible: &[Life], case: &str) {
        until(&format!("it ends as one of {possible:?}: {case}"), || async {
            let seen = join_all(self.made.iter().map(|(name, _)| self.state(name))).await;
            possible.iter().any(|life| life.completed() == Life(seen.clone())).then_some(())
        })
        .await;
        let mut accepted = false;
        for (name, _) in &self.made {
            let told = told(name).await;
            require_sense(&told, case);
            accepted |= told.iter().any(|kind| kind == "invitation.accepted");
        }
        assert_eq!(allowed(&self.person, &self.community, "communities.get").await, accepted, "{case}");
    }

    async fn state(&self, name: &str) -> State {
        let request = GetInvitationRequest { name: name.to_owned() };
        let answer = self.admin.caller.invitation().get_invitation(request).await.unwrap().into_inner();
        match answer.invitation.unwrap().state() {
            InvitationState::Pending | InvitationState::Unspecified => State::Pending,
            InvitationState::Accepted => State::Accepted,
            InvitationState::Declined => State::Declined,
            InvitationState::Revoked => State::Revoked,
            InvitationState::Expired => State::Expired,
        }
    }
}

/// What was told begins with the beginning, and nothing comes after an end, but for what was sent again after it had expired.
fn require_sense(told: &[String], case: &str) {
    let mut ended = None;
    for (place, kind) in told.iter().map(|kind| kind.trim_start_matches("invitation.")).enumerate() {
        assert_eq!(place == 0, kind == "created", "{told:?} in {case}");
        match kind {
            "resent" => assert!(matches!(ended, None | Some("expired")), "{told:?} in {case}"),
            // What became of a mail is told when it is known.
            "sent" | "delivery_failed" => continue,
            _ => assert_eq!(ended, None, "{told:?} in {case}"),
        }
        ended = matches!(kind, "accepted" | "declined" | "revoked" | "expired").then_some(kind);
    }
}

/// Lets the time of an invitation be over, if it is pending.
async fn expire(name: &str) {
    let database = database(Service::Invitation).await;
    let sql =
        "UPDATE invitation SET expire_time = $1 WHERE id = $2 AND state = 'pending' AND claim_id IS NULL";
    // Long ago: what is done at the same moment looked at its clock a little earlier, and must not find it pending.
    let long_ago = Clock::system().now().before(Duration::from_hours(1));
    let values = [long_ago.0.into(), id(name).into()];
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
    database.execute_raw(statement).await.unwrap();
}

/// Leaves a claim behind as a process does that dies while somebody accepts, if the invitation is pending.
async fn crash(name: &str, user: &str) {
    let (database, now, claim) =
        (database(Service::Invitation).await, Clock::system().now().0, Uuid::new_v4());
    let transaction = database.begin().await.unwrap();
    let sql = "UPDATE invitation SET claim_id = $1, invitee_id = $2, claim_lease_time = $3 \
               WHERE id = $4 AND state = 'pending' AND claim_id IS NULL AND expire_time > $3";
    let values = [claim.into(), id(user).into(), now.into(), id(name).into()];
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
    if transaction.execute_raw(statement).await.unwrap().rows_affected() == 1 {
        let sql = "INSERT INTO acceptance (invitation_id, root_id, claim_id, invitee_id, proof, terms_version, \
                   confirmed_fingerprint, consent_time) \
                   SELECT id, root_id, claim_id, invitee_id, 'link', '', '', $1 FROM invitation WHERE id = $2";
        let values = [now.into(), id(name).into()];
        let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
        transaction.execute_raw(statement).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

fn id(name: &str) -> Uuid {
    name.rsplit('/').next().and_then(|id| id.parse().ok()).expect("the name ends in an id")
}

#[test]
fn the_model_finds_the_order_in_which_things_happened() {
    let pending = [Life(vec![State::Pending])];
    let claimed = after_all(&pending, &[(Act::Crash(0), Ok(()))]);
    assert_eq!(claimed[0].completed(), Life(vec![State::Accepted]));
    let ok: Answer = Ok(());
    let refused = |reason: &str| -> Answer { Err(reason.to_owned()) };
    let both = [(Act::Revoke(0), ok.clone()), (Act::Accept(0), refused("INVITATION_REVOKED"))];
    assert_eq!(after_all(&pending, &both), [Life(vec![State::Revoked])]);
    assert!(after_all(&pending, &[(Act::Revoke(0), ok.clone()), (Act::Accept(0), ok.clone())]).is_empty());
    let again = [(Act::Create, ok.clone()), (Act::Expire(0), ok.clone())];
    assert_eq!(after_all(&pending, &again), [Life(vec![State::Expired, State::Pending])]);
    let resent = [(Act::Resend(0), ok), (Act::Create, refused("INVITATION_ALREADY_PENDING"))];
    assert_eq!(after_all(&[Life(vec![State::Expired])], &resent), [Life(vec![State::Pending])]);
}
