//! What must be so in the end, whatever broke, as seen from outside: by calls, and by what the mail server took.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use sandbox::smtp::Taken;
use sandbox::until;
use tokio::time::timeout;
use usher_api::invitation::{DeliveryState, InvitationFact, InvitationState};

use super::{End, Ledger, Promise};

/// For how long a mail that was taken may wait to be recorded as sent. Who dies meanwhile has it sent once more.
const WINDOW: Duration = Duration::from_secs(5);
/// How long a mail may take to the server that its sender, who is dead by then, had sent.
const SENT: Duration = Duration::from_secs(1);
/// How long after its invitation was revoked a mail may begin: for half a second it counts that it was pending.
const UNDER_WAY: Duration = Duration::from_secs(1);

impl Ledger {
    /// Requires that within `time` every invitation that is pending has its mail and says so, and that
    ///
    /// - each mail came once, and once more only after a crash between the final dot and the record of it, under the same
    ///   Message-ID;
    /// - none came after its revocation was answered;
    /// - whoever accepted is a member, once, and nobody else is one;
    /// - what happened to each invitation is told without a gap, and ends as it was answered.
    pub async fn settles(&self, time: Duration) {
        let promises = self.promises().clone();
        let mailed = async {
            while self.missing() > 0 || !self.all_are_told_of().await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let in_time = timeout(time, mailed).await.is_ok();
        assert!(in_time, "{} of {} mails did not come within {time:?}", self.missing(), promises.len());
        let message_ids = self.message_ids(&promises).await;
        self.mails_came_once(&promises, &message_ids);
        let accepted = self.ended_as_answered(&promises).await;
        self.members_are(accepted).await;
        self.histories_have_no_gap(&promises).await;
    }

    /// How many guests wait for their mail.
    fn missing(&self) -> usize {
        let pending = self.promises().clone().into_iter().filter(|promise| promise.end.is_none());
        pending.filter(|promise| self.copies(&promise.email) == 0).count()
    }

    /// Waits until no mail can leave any more, and returns the Message-IDs of those to the guests, one for each.
    async fn message_ids(&self, promises: &[Promise]) -> Vec<String> {
        let deliveries = until("every event has come to its mail, and every mail to its end", || async {
            let deliveries = self.deliveries().await;
            let all = promises.iter().all(|promise| deliveries.contains_key(&promise.name));
            (all && self.nothing_is_under_way().await).then_some(deliveries)
        })
        .await;
        let of_promise = |promise: &Promise| {
            let deliveries = &deliveries[&promise.name];
            assert_eq!(deliveries.len(), 1, "{deliveries:?}");
            deliveries[0].message_id.clone()
        };
        promises.iter().map(of_promise).collect()
    }

    fn mails_came_once(&self, promises: &[Promise], message_ids: &[String]) {
        let mut mails: BTreeMap<(String, String), Vec<Taken>> = BTreeMap::new();
        for taken in self.record.all() {
            mails.entry((taken.recipient.clone(), taken.message_id.clone())).or_default().push(taken);
        }
        for (mail, copies) in &mails {
            let unexplained = copies[..copies.len() - 1].iter().find(|taken| !self.is_excused(taken));
            assert!(unexplained.is_none(), "{mail:?} came again without need: {copies:?}");
        }
        for (promise, message_id) in promises.iter().zip(message_ids) {
            let mail = (promise.email.clone(), message_id.clone());
            let came = mails.get(&mail).map(Vec::as_slice).unwrap_or_default();
            assert!(promise.end.is_some() || !came.is_empty(), "{promise:?}");
            // Whoever accepted has other mails, about his account.
            if promise.end != Some(End::Accepted) {
                assert_eq!(
                    came.len(),
                    self.copies(&promise.email),
                    "a copy has another Message-ID: {promise:?}"
                );
            }
            if let Some(End::Revoked(answered)) = promise.end {
                let late = came.iter().find(|taken| taken.begun > answered + UNDER_WAY);
                assert!(late.is_none(), "mailed after it was revoked: {promise:?} {late:?}");
            }
        }
    }

    /// Whether whoever sent a mail may not have known that it was taken.
    fn is_excused(&self, taken: &Taken) -> bool {
        let strikes = self.strikes.lock().unwrap_or_else(PoisonError::into_inner);
        let struck = strikes
            .iter()
            .any(|strike| strike.until + SENT >= taken.taken && strike.from <= taken.taken + WINDOW);
        struck || !taken.told
    }

    /// Who accepted.
    async fn ended_as_answered(&self, promises: &[Promise]) -> Vec<String> {
        let mut invitations = self.invitations().await;
        let mut accepted = Vec::new();
        for promise in promises {
            let invitation = invitations.remove(&promise.name).expect("it was answered");
            let expected = match promise.end {
                None => InvitationState::Pending,
                Some(End::Accepted) => InvitationState::Accepted,
                Some(End::Revoked(_)) => InvitationState::Revoked,
            };
            assert_eq!(invitation.state(), expected, "{promise:?}");
            if promise.end.is_none() {
                assert_eq!(invitation.delivery_state(), DeliveryState::Sent, "{promise:?}");
            }
            if expected == InvitationState::Accepted {
                accepted.push(invitation.invitee);
            }
        }
        accepted
    }

    async fn members_are(&self, accepted: Vec<String>) {
        let (mut members, mut expected) = (self.members().await, accepted);
        expected.push(self.admin().await.name.clone());
        expected.sort();
        members.sort();
        assert_eq!(members, expected);
    }

    async fn histories_have_no_gap(&self, promises: &[Promise]) {
        let histories = self.histories(promises).await;
        for promise in promises {
            let history = histories.get(&promise.name).map(Vec::as_slice).unwrap_or_default();
            let versions: Vec<i64> = history.iter().map(|change| change.version).collect();
            let numbers: Vec<i64> = (1..).take(versions.len()).collect();
            assert_eq!(versions, numbers, "{promise:?}");
            let count = |fact| history.iter().filter(|change| change.fact() == fact).count();
            let (accepted, revoked) =
                (promise.end == Some(End::Accepted), matches!(promise.end, Some(End::Revoked(_))));
            assert_eq!(count(InvitationFact::Created), 1, "{promise:?}");
            assert_eq!(count(InvitationFact::Accepted), usize::from(accepted), "{history:?}");
            assert_eq!(count(InvitationFact::Revoked), usize::from(revoked), "{history:?}");
            let sent = count(InvitationFact::Sent);
            assert!((usize::from(promise.end.is_none())..=1).contains(&sent), "{history:?}");
        }
    }
}
