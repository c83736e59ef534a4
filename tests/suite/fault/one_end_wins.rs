//! An invitation is accepted, at one of two processes, while something else happens to it at the other: 200 times each.

use std::future::Future;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use sandbox::{Service, until};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use tonic::{Code, Status};
use usher_api::invitation::{
    DeclineInvitationRequest, GetInvitationRequest, InvitationState, ResendInvitationRequest,
    RevokeInvitationRequest,
};

use crate::support::people::{Person, admin};
use crate::support::refusal::reason;
use crate::support::rows::database;
use crate::support::tree::{Tree, accept, allowed, grant, invite, mssp, token};

/// How often each race is run.
const ROUNDS: usize = 200;
/// How many at a time.
const AT_ONCE: usize = 12;

struct Arena {
    admin: Person,
    tree: Tree,
    invitations: DatabaseConnection,
}

/// What else is done with the invitation.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rival {
    Accept,
    Decline,
    Revoke,
    Resend,
    Expire,
}

#[tokio::test]
async fn of_accepting_twice_at_once_one_makes_the_membership() {
    race(Rival::Accept).await;
}

#[tokio::test]
async fn of_accepting_and_declining_at_once_exactly_one_wins() {
    race(Rival::Decline).await;
}

#[tokio::test]
async fn of_accepting_and_revoking_at_once_exactly_one_wins() {
    race(Rival::Revoke).await;
}

#[tokio::test]
async fn who_accepts_while_it_is_sent_again_is_a_member() {
    race(Rival::Resend).await;
}

#[tokio::test]
async fn of_accepting_and_expiry_at_once_exactly_one_wins() {
    race(Rival::Expire).await;
}

async fn race(rival: Rival) {
    // The suite that all tests share has two invitation services; without them this is no race, which the end would show.
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let tree = mssp(&admin, ROUNDS).await;
    let arena = Arena { admin, tree, invitations: database(Service::Invitation).await };
    let rounds = stream::iter((0..ROUNDS).map(|round| arena.round(rival, &guest, round)));
    let accepted: Vec<bool> = rounds.buffer_unordered(AT_ONCE).collect().await;
    let wins = accepted.iter().filter(|accepted| **accepted).count();
    if !matches!(rival, Rival::Accept | Rival::Resend) {
        assert!(wins > 0 && wins < ROUNDS, "{wins} of {ROUNDS} accepted: that was no race");
    }
}

impl Arena {
    /// Runs a race, and returns whether the guest is in.
    async fn round(&self, rival: Rival, guest: &Person, round: usize) -> bool {
        let place = &self.tree.inside[round];
        let name =
            invite(&self.admin, &self.tree.root, &guest.email, vec![grant(place, &["guest"])]).await.name;
        let token = token(&self.admin, &name).await;
        let one = Person { caller: guest.caller.at_replica(round), ..guest.clone() };
        let other = Person { caller: guest.caller.at_replica(round + 1), ..guest.clone() };
        let admin = Person { caller: self.admin.caller.at_replica(round + 1), ..self.admin.clone() };
        // Accepting asks more of others before it begins, so the rival waits a little, each time longer, up to when it is too late.
        let late = Duration::from_millis(4 * (round as u64 % 16));
        let accepting = accept(&one, &token);
        let rivalling = after(late, self.rival(rival, &other, &admin, &name, &token));
        let (accepted, other) = tokio::join!(accepting, rivalling);

        let told = self.told(&name).await;
        let case = format!("{rival:?} {accepted:?} {other:?} {told:?}");
        assert_eq!(allowed(guest, place, "communities.get").await, accepted.is_ok(), "{case}");
        match rival {
            Rival::Accept => assert_eq!(accepted.as_ref().ok(), other.unwrap().as_ref(), "{case}"),
            // Whichever came first, the invitation can be accepted.
            Rival::Resend => assert_eq!((accepted.is_ok(), other.is_ok()), (true, told.len() == 3), "{case}"),
            Rival::Expire => {
                let accepted = accepted.is_ok();
                let expected = if accepted { InvitationState::Accepted } else { InvitationState::Expired };
                self.is(&name, expected).await;
            }
            Rival::Decline | Rival::Revoke => assert!(accepted.is_ok() != other.is_ok(), "{case}"),
        }
        if let Err(status) = &accepted {
            let known = ["INVITATION_DECLINED", "INVITATION_REVOKED", "INVITATION_EXPIRED"];
            assert_eq!(status.code(), Code::FailedPrecondition, "{case}");
            assert!(known.contains(&&*reason(status)), "{case}");
        }
        // What has ended is told once.
        let told = self.told(&name).await;
        let ends = told.iter().filter(|kind| !matches!(kind.as_str(), "created" | "resent"));
        assert_eq!(ends.count(), 1, "{case} {told:?}");
        accepted.is_ok()
    }

    async fn rival(
        &self,
        rival: Rival,
        guest: &Person,
        admin: &Person,
        name: &str,
        token: &str,
    ) -> Result<Option<usher_api::invitation::Invitation>, Status> {
        let name = name.to_owned();
        match rival {
            Rival::Accept => return accept(guest, token).await.map(Some),
            Rival::Decline => {
                let request = DeclineInvitationRequest { token: token.to_owned(), ..Default::default() };
                guest.caller.invitation().decline_invitation(request).await?;
            }
            Rival::Revoke => {
                let request = RevokeInvitationRequest { name, ..Default::default() };
                admin.caller.invitation().revoke_invitation(request).await?;
            }
            Rival::Resend => {
                let request = ResendInvitationRequest { name, ..Default::default() };
                admin.caller.invitation().resend_invitation(request).await?;
            }
            Rival::Expire => self.expire(&name).await,
        }
        Ok(None)
    }

    /// Lets the time of an invitation be over, by the database's clock.
    async fn expire(&self, name: &str) {
        let sql = "UPDATE invitation SET expire_time = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint WHERE id = $1::uuid";
        let id = name.rsplit('/').next().unwrap();
        let statement =
            Statement::from_sql_and_values(self.invitations.get_database_backend(), sql, [id.into()]);
        self.invitations.execute_raw(statement).await.unwrap();
    }

    async fn is(&self, name: &str, expected: InvitationState) {
        until("the sweeper comes by", || async {
            let request = GetInvitationRequest { name: name.to_owned() };
            let seen = self.admin.caller.invitation().get_invitation(request).await.ok()?.into_inner();
            let told = self.told(name).await;
            (seen.invitation?.state() == expected && told.len() == 2).then_some(())
        })
        .await;
    }

    /// What was told of an invitation, in its order, mails apart; the numbers have no gap.
    async fn told(&self, name: &str) -> Vec<String> {
        let sql = "SELECT kind, version FROM outbox WHERE resource = $1 ORDER BY version";
        let statement =
            Statement::from_sql_and_values(self.invitations.get_database_backend(), sql, [name.into()]);
        let rows = self.invitations.query_all_raw(statement).await.unwrap();
        let versions: Vec<i64> = rows.iter().map(|row| row.try_get("", "version").unwrap()).collect();
        assert_eq!(versions, (1..=i64::try_from(rows.len()).unwrap()).collect::<Vec<_>>());
        let kinds = rows.iter().map(|row| row.try_get::<String>("", "kind").unwrap());
        let kinds = kinds.map(|kind| kind.trim_start_matches("invitation.").to_owned());
        // What became of a mail is told when it is known.
        kinds.filter(|kind| !matches!(kind.as_str(), "sent" | "delivery_failed")).collect()
    }
}

async fn after<T>(delay: Duration, call: impl Future<Output = T>) -> T {
    tokio::time::sleep(delay).await;
    call.await
}
