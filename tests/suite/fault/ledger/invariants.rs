//! What must be so in the end, whatever broke, as seen from outside: by calls, and by what the mail server took.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use sandbox::smtp::Taken;
use sandbox::until;
use tokio::time::timeout;
use usher_api::invitation::{InvitationFact, InvitationState};
use usher_api::notifier::DeliveryKind;

use super::{End, Ledger, Promise, Strike};
use crate::support::address;

/// For how long a mail that was taken may wait to be recorded as sent. Who dies meanwhile has it sent once more.
const WINDOW: Duration = Duration::from_secs(5);
/// How long a mail may take to the server that its sender, who is dead by then, had sent.
const SENT: Duration = Duration::from_secs(1);
/// How many mails a notifier may have in that window, as it is set by default: each crash brings so many again at most.
const SLOTS: usize = 8;
/// How long after its revocation was answered the first line of a mail may seem to come: for so long it can have lain unread here, on
/// a busy machine.
const UNREAD: Duration = Duration::from_millis(200);

impl Ledger {
    /// Requires that within `time` every invitation that is pending has its mail and says so, and that
    ///
    /// - each mail came once, and once more for each crash between the final dot and the record of it, under the same Message-ID;
    /// - none came after its revocation was answered;
    /// - of each that cannot come, its inviter is told once;
    /// - whoever accepted is a member, once, and nobody else is one;
    /// - what happened to each invitation is told without a gap, and ends as it was answered.
    pub async fn settles(&self, time: Duration) {
        self.are_mailed(time).await;
        // What is told before the mail to whoever is invited last has been told: nothing is missed that comes late.
        self.invite(&address("last")).await;
        self.are_mailed(time).await;
        let promises = self.promises().clone();
        let message_ids = self.message_ids(&promises).await;
        self.mails_came_once(&promises, &message_ids);
        let accepted = self.ended_as_answered(&promises).await;
        self.members_are(accepted).await;
        self.histories_have_no_gap(&promises).await;
        self.inviters_are_told(&promises).await;
    }

    async fn are_mailed(&self, time: Duration) {
        let mailed = async {
            while self.missing() > 0 || !self.all_are_told_of().await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let in_time = timeout(time, mailed).await.is_ok();
        assert!(in_time, "{} of {} mails did not come within {time:?}", self.missing(), self.count());
    }

    /// How many guests wait for their mail.
    fn missing(&self) -> usize {
        let pending = self.promises().clone().into_iter().filter(Promise::is_to_be_mailed);
        pending.filter(|promise| self.copies(&promise.email) == 0).count()
    }

    /// Waits until no mail can leave any more, and returns the Message-IDs of those to the guests, one for each.
    async fn message_ids(&self, promises: &[Promise]) -> Vec<String> {
        let deliveries = until("every event has come to its mail, and every mail to its end", || async {
            let deliveries = self.deliveries(DeliveryKind::Invitation).await;
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
        self.copies_have_reasons(&mails);
        for (promise, message_id) in promises.iter().zip(message_ids) {
            let mail = (promise.email.clone(), message_id.clone());
            let came = mails.get(&mail).map(Vec::as_slice).unwrap_or_default();
            assert!(!promise.is_to_be_mailed() || !came.is_empty(), "{promise:?}");
            assert!(!promise.is_in_vain() || came.is_empty(), "{promise:?}");
            // Whoever accepted has other mails, about his account.
            if promise.end != Some(End::Accepted) {
                assert_eq!(
                    came.len(),
                    self.copies(&promise.email),
                    "a copy has another Message-ID: {promise:?}"
                );
            }
            if let Some(End::Revoked(answered)) = promise.end {
                let late = came.iter().find(|taken| self.began_after(taken, answered));
                assert!(late.is_none(), "mailed after it was revoked: {promise:?} {late:?}");
            }
        }
    }

    /// Requires that of each mail all copies but the last have a reason of their own: the server did not say that it took it, or
    /// whoever sent it could not write that down.
    fn copies_have_reasons(&self, mails: &BTreeMap<(String, String), Vec<Taken>>) {
        let strikes = self.strikes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut excused = vec![0; strikes.len()];
        for (mail, copies) in mails {
            let mut own = BTreeSet::new();
            for taken in copies[..copies.len() - 1].iter().filter(|taken| taken.told) {
                let reason = (0..strikes.len()).find(|it| strikes[*it].explains(taken) && own.insert(*it));
                let reason = reason.unwrap_or_else(|| panic!("{mail:?} came again without need: {copies:?}"));
                excused[reason] += 1;
            }
        }
        let most = excused.iter().zip(&*strikes).find(|(count, strike)| **count > SLOTS * strike.senders);
        assert!(most.is_none(), "more mails came again than were under way: {most:?}");
    }

    /// Whether a mail began so long after `answered` that its sender knew. Whoever stood still in between did not.
    fn began_after(&self, taken: &Taken, answered: Instant) -> bool {
        let strikes = self.strikes.lock().unwrap_or_else(PoisonError::into_inner);
        let stood_still = strikes.iter().any(|it| it.from <= taken.begun && it.until >= answered);
        taken.begun > answered + UNREAD && !stood_still
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
                assert_eq!(invitation.delivery_state(), promise.mail, "{promise:?}");
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
            assert!((usize::from(promise.is_to_be_mailed())..=1).contains(&sent), "{history:?}");
            let (in_vain, failed) = (promise.is_in_vain(), count(InvitationFact::DeliveryFailed));
            assert_eq!((in_vain && sent > 0, failed), (false, usize::from(in_vain)), "{history:?}");
        }
    }

    async fn inviters_are_told(&self, promises: &[Promise]) {
        let in_vain = || promises.iter().filter(|promise| promise.is_in_vain());
        let told = until("the inviters are told of every mail that failed", || async {
            let told = self.deliveries(DeliveryKind::DeliveryFailed).await;
            in_vain().all(|promise| told.contains_key(&promise.name)).then_some(told)
        })
        .await;
        for promise in promises {
            let count = told.get(&promise.name).map_or(0, Vec::len);
            assert_eq!(count, usize::from(promise.is_in_vain()), "{promise:?}");
        }
    }
}

impl Strike {
    /// Whether a mail came so close to it that its sender may not have written that down.
    fn explains(&self, taken: &Taken) -> bool {
        self.until + SENT >= taken.taken && self.from <= taken.taken + WINDOW
    }
}
