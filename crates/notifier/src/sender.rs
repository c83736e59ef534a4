//! Deliveries become mails.
//!
//! A sender takes deliveries, has their letters written, and sends them one by one. If it dies, another takes them when their leases
//! have ended: a mail whose last word was lost is sent once more with the same Message-ID, and none is forgotten. A mail is tried as
//! long as somebody needs it: as its invitation can be accepted, or its link works.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use usher_runtime::rpc::error_chain;
use usher_runtime::telemetry::follow;

use crate::compose::{Letter, compose_all};
use crate::mailer::Outcome;
use crate::record::{Attempt, record};
use crate::taken::{Taken, take};
use crate::warrant::Warrant;
use crate::{Notifier, meters, suppression};

/// How often the sender looks without having been woken: for attempts that are due, and for leases that ended.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How often it is tried to write down what became of a mail.
const RECORD_INTERVAL: Duration = Duration::from_secs(2);
/// How many mails are taken for each that is sent at a time: letters are written while the mail server has those before.
const TAKEN: usize = 4;

/// Sends until `stop`, and then waits for the mails that are under way. Any number of senders work side by side.
pub(crate) async fn run(service: Notifier, stop: CancellationToken) {
    let sender = Sender::new(service, stop);
    while !sender.stop.is_cancelled() {
        sender.take().await;
        sender.service.mailer.tidy();
        tokio::select! {
            () = sender.service.wake.notified() => {}
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = sender.stop.cancelled() => {}
        }
    }
    sender.mails.close();
    sender.mails.wait().await;
}

/// What all mails share that are under way. Clones share it too.
#[derive(Clone)]
struct Sender {
    service: Notifier,
    stop: CancellationToken,
    /// Each mail is sent in a task of its own: a slow one holds up no other, and stopping breaks off neither a conversation nor a
    /// transaction in its middle.
    mails: TaskTracker,
    /// Room for mails that are taken.
    room: Arc<Semaphore>,
    /// Those of them that can be sent at a time.
    slots: Arc<Semaphore>,
}

/// A mail that is under way.
struct Mail {
    taken: Taken,
    /// It finds out whether others can follow.
    goes_ahead: bool,
    _room: OwnedSemaphorePermit,
}

impl Sender {
    fn new(service: Notifier, stop: CancellationToken) -> Self {
        let at_a_time = service.config.concurrent_mails as usize;
        let (room, slots) = (Semaphore::new(TAKEN * at_a_time), Semaphore::new(at_a_time));
        Self { service, stop, mails: TaskTracker::new(), room: Arc::new(room), slots: Arc::new(slots) }
    }

    /// Takes what is due and begins to send it. Where much is, it waits for some room, so that several letters are written at once.
    async fn take(&self) {
        let Self { service, room, .. } = self;
        let free = room.available_permits();
        if free < service.config.concurrent_mails as usize {
            return;
        }
        let most = service.line.allow(free, Instant::now());
        let taken = take(service, most).await;
        let goes_ahead = service.line.begin(taken.len());
        let mut mails = Vec::with_capacity(taken.len());
        for taken in taken {
            let Ok(room) = room.clone().acquire_owned().await else { return };
            mails.push(Mail { taken, goes_ahead, _room: room });
        }
        if let Some(first) = mails.first() {
            let span = tracing::info_span!("mail.write", mails = mails.len());
            // One of several traces, if they are several.
            follow(&span, &first.taken.row.traceparent);
            self.mails.spawn(self.clone().write(mails).instrument(span));
        }
    }

    async fn write(self, mails: Vec<Mail>) {
        let rows: Vec<_> = mails.iter().map(|mail| &mail.taken.row).collect();
        let letters = compose_all(&self.service, &rows).await;
        for (mail, letter) in mails.into_iter().zip(letters) {
            let row = &mail.taken.row;
            let span =
                tracing::info_span!(parent: None, "mail.send", otel.kind = "client", delivery = %row.id);
            follow(&span, &row.traceparent);
            self.mails.spawn(self.clone().send(mail, letter).instrument(span));
        }
    }

    /// Sends one mail and writes down what became of it.
    async fn send(self, mut mail: Mail, letter: Result<Letter, Outcome>) {
        let service = &self.service;
        // Until it is written down that the mail was sent: a crash repeats at most as many as there are slots.
        let Ok(slot) = self.slots.clone().acquire_owned().await else { return };
        let attempt = match letter {
            Ok(letter) => self.attempt(&mut mail, letter).await,
            Err(outcome) => Attempt { outcome, recipient: None },
        };
        meters::attempt(&attempt.outcome);
        let pause = self.hear(&attempt, mail.goes_ahead);
        let row = &mail.taken.row;
        // Whoever forgets what became of a mail sends it again.
        while let Err(error) = record(service, row, &attempt, pause).await {
            let error = error_chain(&*error);
            tracing::warn!(delivery = %row.id, error, "what became of delivery {} is not recorded", row.id);
            if self.stop.is_cancelled() {
                return;
            }
            tokio::time::sleep(RECORD_INTERVAL).await;
        }
        drop((slot, mail));
        service.wake.notify_one();
    }

    /// Hands a letter over if it is its turn and somebody still needs it.
    async fn attempt(&self, mail: &mut Mail, letter: Letter) -> Attempt {
        let service = &self.service;
        let Letter { recipient, message, invitation } = letter;
        let unspoken = |outcome| Attempt { outcome, recipient: None };
        let held_up = self.stop.is_cancelled() || !(mail.goes_ahead || service.line.is_open());
        if held_up {
            return unspoken(Outcome::NotItsTurn(None));
        }
        let domain = service.sealing.fingerprint("recipient domain", &[recipient.domain().as_bytes()]);
        let Some(_place) = mail.taken.place.take().or_else(|| service.domains.enter(&domain)) else {
            return unspoken(Outcome::NotItsTurn(Some(domain)));
        };
        let warrant = Warrant::new(mail.taken.lease.clone(), invitation);
        let outcome = match suppression::of(service, &recipient).await {
            Ok(None) => service.mailer.send(&message, &mail.taken.row, &warrant).await,
            Ok(Some(suppression)) => {
                Outcome::Suppressed(format!("the address is suppressed: {}", suppression.name()))
            }
            Err(error) => Outcome::Deferred(format!("the suppressions cannot be read: {error}")),
        };
        Attempt { outcome, recipient: Some(recipient) }
    }

    /// What an attempt tells about the mails behind it, and how long they stop.
    fn hear(&self, attempt: &Attempt, went_ahead: bool) -> Duration {
        let line = &self.service.line;
        match &attempt.outcome {
            Outcome::Stopped(why) => return line.stop(why, Instant::now()),
            Outcome::Sent | Outcome::NoSuchMailbox(_) => line.open(),
            Outcome::Deferred(_) | Outcome::Failed(_) if attempt.recipient.is_some() => line.open(),
            // Nobody spoke with the server.
            _ if went_ahead => line.leave(),
            _ => {}
        }
        Duration::ZERO
    }
}
