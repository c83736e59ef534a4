//! What the server does at a step of its next conversations, whoever they are with.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// What the server answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Step {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// The first line of the mail itself.
    Body,
    /// The final dot.
    LastWord,
    Quit,
}

/// What it does instead of answering as it should.
#[derive(Clone, Debug)]
pub enum Act {
    /// Says this. A mail whose final dot is answered so is not kept, unless this is a 2xx.
    Say(&'static str),
    /// Never answers. A mail whose final dot is met so was kept.
    Silence,
    /// Answers as it should, later.
    Delay(Duration),
    /// Breaks the connection off. A mail whose final dot is met so was kept.
    Drop,
    /// Answers as it should, once the gate is opened.
    Hold(Gate),
}

/// Somebody arrives at it, and waits until it is opened.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<Passage>, Condvar)>);

#[derive(Debug, Default)]
struct Passage {
    reached: usize,
    open: bool,
}

impl Gate {
    /// How many have arrived.
    pub fn reached(&self) -> usize {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).reached
    }

    /// Lets all pass, now and later.
    pub fn open(&self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).open = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open.
    pub(super) fn pass(&self) {
        let mut passage = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        passage.reached += 1;
        while !passage.open {
            passage = self.0.1.wait(passage).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// What is to happen. Clones share it.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Fault>>>);

struct Fault {
    step: Step,
    act: Act,
    left: usize,
}

impl Faults {
    /// Does `act` the next `times` that a conversation comes to `step`.
    pub fn add(&self, step: Step, act: Act, times: usize) {
        let fault = Fault { step, act, left: times };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    /// How many of them have not happened yet.
    pub fn left(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|fault| fault.left).sum()
    }

    /// Takes back what has not happened yet.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What `step` meets now.
    pub(super) fn next(&self, step: Step) -> Option<Act> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = faults.iter().position(|fault| fault.step == step)?;
        faults[place].left -= 1;
        let act = faults[place].act.clone();
        faults.retain(|fault| fault.left > 0);
        Some(act)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn happen_so_often_and_in_their_order() {
        let faults = Faults::default();
        faults.add(Step::Mail, Act::Say("421 no"), 2);
        faults.add(Step::Mail, Act::Drop, 1);
        faults.add(Step::Mail, Act::Delay(Duration::ZERO), 1);
        assert!(faults.next(Step::Rcpt).is_none());
        let acts: Vec<_> = (0..4).map(|_| faults.next(Step::Mail)).collect();
        assert!(matches!(
            acts[..],
            [Some(Act::Say(_)), Some(Act::Say(_)), Some(Act::Drop), Some(Act::Delay(_))]
        ));
        faults.add(Step::Mail, Act::Drop, 1);
        faults.clear();
        assert!(faults.next(Step::Mail).is_none());
    }

    #[test]
    fn a_gate_lets_pass_when_it_is_open() {
        let gate = Gate::default();
        let waiting = gate.clone();
        let thread = std::thread::spawn(move || waiting.pass());
        while gate.reached() == 0 {
            std::thread::yield_now();
        }
        assert!(!thread.is_finished());
        gate.open();
        thread.join().unwrap();
    }
}
