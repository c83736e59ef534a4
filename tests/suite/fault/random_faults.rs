//! Faults of all kinds at random, while people invite, accept and revoke. The same seed brings the same faults:
//! `tests/run faults --minutes M --seed N`.

use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use nix::sys::signal::Signal;
use sandbox::process::Process;
use sandbox::smtp::{Act, Step};
use sandbox::{Service, Suite, Topology};
use uuid::Uuid;

use super::ledger::Ledger;
use super::servers_under_load::under_load;
use super::stream::Stream;
use super::{hasty, kill, long_run, new_folder, revive};
use crate::support::dice::Dice;

/// How many events come again at a time.
const REPEATED: usize = 50;
/// Far above the two seconds for which a mail server hesitates, so that only one that is silent is given up.
const PATIENCE: &str =
    r#"patience = { connection = "6s", greeting = "6s", command = "6s", last_word = "6s" }"#;
/// How many deliver mails.
const NOTIFIERS: usize = 2;
/// How long faults happen in the default run.
const SHORT: Duration = Duration::from_secs(20);
/// How soon all mails are there after the last fault.
const SOON: Duration = Duration::from_secs(50);

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill(Service),
    Stop(Service),
    CrashPostgres,
    RestartPostgres,
    CrashNats,
    StopNats,
    DeleteStream,
    PurgeStream,
    DeleteConsumers,
    WipeNats,
    RepeatEvents,
    Poison,
    MailAway,
    MailServesNobody,
    MailAnswers(&'static str),
    MailDrops,
    MailSlow,
    MailSilent,
}

const FAULTS: [Fault; 22] = [
    Fault::Kill(Service::Identity),
    Fault::Kill(Service::Community),
    Fault::Kill(Service::Invitation),
    Fault::Kill(Service::Invitation),
    Fault::Kill(Service::Notifier),
    Fault::Kill(Service::Notifier),
    Fault::Stop(Service::Community),
    Fault::Stop(Service::Invitation),
    Fault::Stop(Service::Notifier),
    Fault::CrashPostgres,
    Fault::RestartPostgres,
    Fault::CrashNats,
    Fault::StopNats,
    Fault::DeleteStream,
    Fault::PurgeStream,
    Fault::DeleteConsumers,
    Fault::WipeNats,
    Fault::RepeatEvents,
    Fault::Poison,
    Fault::MailAway,
    Fault::MailServesNobody,
    Fault::MailDrops,
];
/// Milder ones, of which each happens beside another.
const BESIDE: [Fault; 5] = [
    Fault::MailSlow,
    Fault::MailSilent,
    Fault::MailDrops,
    Fault::MailAnswers("421 4.3.2 closing"),
    Fault::MailAnswers("450 4.2.1 busy"),
];
const STEPS: [Step; 6] = [Step::Greeting, Step::Ehlo, Step::Mail, Step::Rcpt, Step::Data, Step::LastWord];

/// A suite, and what happens to it.
struct Storm<'a> {
    suite: &'a mut Suite,
    ledger: &'a Ledger,
    dice: Dice,
}

impl Storm<'_> {
    async fn rage(mut self, time: Duration) {
        let begun = Instant::now();
        let mut number = 0;
        while begun.elapsed() < time {
            let (fault, beside) = (*self.dice.pick(&FAULTS), *self.dice.pick(&BESIDE));
            let (length, pause) = (self.some_time(), self.some_time());
            eprintln!("fault {number}: {fault:?} for {length:?} beside {beside:?}, then {pause:?} of peace");
            self.befall(beside, length).await;
            self.befall(fault, length).await;
            tokio::time::sleep(pause).await;
            number += 1;
        }
        self.suite.smtp.faults.clear();
    }

    /// Up to two seconds.
    fn some_time(&mut self) -> Duration {
        Duration::from_millis(100 * (1 + self.dice.below(20) as u64))
    }

    async fn befall(&mut self, fault: Fault, length: Duration) {
        let begun = Instant::now();
        match fault {
            Fault::Kill(service) => {
                if service == Service::Notifier {
                    self.ledger.strike();
                }
                kill(self.suite, service, 0);
                tokio::time::sleep(length).await;
                revive(self.suite, service, 0);
            }
            Fault::Stop(service) => {
                stop(&self.suite.processes[&service][0], length).await;
                if service == Service::Notifier {
                    self.ledger.strike_since(begun, 1);
                }
            }
            Fault::StopNats => stop(&self.suite.nats.as_ref().unwrap().process, length).await,
            Fault::CrashPostgres | Fault::RestartPostgres => self.end_postgres(fault, begun).await,
            Fault::CrashNats | Fault::WipeNats => {
                let nats = self.suite.nats.as_mut().unwrap();
                nats.process.crash();
                if matches!(fault, Fault::WipeNats) {
                    nats.wipe().unwrap();
                }
                tokio::time::sleep(length).await;
                nats.restart().await.unwrap();
            }
            Fault::DeleteStream => Stream::of(self.suite).await.delete().await,
            Fault::PurgeStream => Stream::of(self.suite).await.purge(0).await,
            Fault::DeleteConsumers => Stream::of(self.suite).await.delete_consumers().await,
            Fault::RepeatEvents => {
                let stream = Stream::of(self.suite).await;
                let mut messages = stream.messages().await;
                // Dice of its own: how many there are must not decide what happens next.
                Dice::new(self.dice.below(usize::MAX) as u64).shuffle(&mut messages);
                messages.truncate(REPEATED);
                stream.publish_again(messages).await;
            }
            Fault::Poison => {
                let subject = "usher.invitation.invitation.created".to_owned();
                Stream::of(self.suite).await.publish(subject, HeaderMap::new(), vec![0xff; 64]).await;
            }
            Fault::MailAway => {
                self.suite.smtp.stop();
                tokio::time::sleep(length).await;
                self.suite.smtp.restart().unwrap();
            }
            Fault::MailServesNobody
            | Fault::MailAnswers(_)
            | Fault::MailDrops
            | Fault::MailSlow
            | Fault::MailSilent => self.hamper_mail(fault, length),
        }
    }

    fn hamper_mail(&mut self, fault: Fault, length: Duration) {
        let act = match fault {
            Fault::MailServesNobody => {
                let answer = Act::Say("554 5.3.2 nobody is served");
                return self.suite.smtp.faults.add(Step::Greeting, answer, 1);
            }
            Fault::MailAnswers(answer) => Act::Say(answer),
            Fault::MailDrops => Act::Drop,
            Fault::MailSilent => Act::Silence,
            _ => Act::Delay(length),
        };
        self.suite.smtp.faults.add(*self.dice.pick(&STEPS), act, 1);
    }

    async fn end_postgres(&mut self, fault: Fault, begun: Instant) {
        let folder = self.suite.description.folder.clone();
        let postgres = self.suite.postgres.as_mut().unwrap();
        match fault {
            Fault::CrashPostgres => postgres.process.crash(),
            _ => {
                postgres.process.stop();
            }
        }
        postgres.restart(&folder).await.unwrap();
        self.ledger.strike_since(begun, NOTIFIERS);
    }
}

/// Lets a process stand still for longer than its leases.
async fn stop(process: &Process, length: Duration) {
    process.signal(Signal::SIGSTOP);
    tokio::time::sleep(length + Duration::from_secs(3)).await;
    process.signal(Signal::SIGCONT);
}

/// The seed that was asked for, or any.
fn seed() -> u64 {
    let asked = std::env::var("USHER_FAULT_SEED").ok().map(|seed| seed.parse().expect("seeds are numbers"));
    asked.unwrap_or_else(|| u64::from(Uuid::new_v4().as_fields().0))
}

#[tokio::test]
async fn whatever_breaks_no_mail_is_lost_and_none_is_doubled() {
    let seed = seed();
    eprintln!("seed {seed}");
    let options = sandbox::Options { postgres_url: None, ..hasty(Topology::Apart) };
    let options = options.with_replicas(Service::Notifier, NOTIFIERS).with("notifier.smtp", PATIENCE);
    let mut suite = Suite::start(&new_folder(), &options).await.unwrap();
    let ledger = Ledger::open(&suite).await;
    let storm = Storm { suite: &mut suite, ledger: &ledger, dice: Dice::new(seed) };
    under_load(&ledger, Box::pin(storm.rage(long_run().unwrap_or(SHORT)))).await;
    suite.processes.values_mut().flatten().for_each(Process::assert_alive);
    suite.ready().await;
    ledger.settles(SOON).await;
}
