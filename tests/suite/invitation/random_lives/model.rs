//! What becomes of invitations of one person into one community, whatever is done in whatever order.

/// Where an invitation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Pending,
    /// Somebody accepts, and the process died meanwhile. It is accepted when somebody looks closer, and pending until then.
    Claimed,
    Accepted,
    Declined,
    Revoked,
    Expired,
}

/// What is done, to one of the invitations by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Create,
    Update(usize),
    Resend(usize),
    Decline(usize),
    Revoke(usize),
    Accept(usize),
    /// Its time is over.
    Expire(usize),
    /// Somebody accepts, and the process dies when it has claimed the invitation.
    Crash(usize),
}

/// What an act was answered with: nothing to complain of, or the reason of the refusal.
pub type Answer = Result<(), String>;

/// The states of all invitations, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life(pub Vec<State>);

impl Life {
    /// What is so after `act`, if it can be answered with `answer`.
    pub fn after(&self, act: Act, answer: &Answer) -> Option<Self> {
        let refusal = answer.as_ref().err().map(String::as_str);
        // Two changes met, and this one came to nothing.
        if refusal == Some("CONCURRENT_CHANGE") {
            return Some(self.clone());
        }
        let (number, next) = match act {
            Act::Create => return self.created(refusal),
            Act::Expire(number) | Act::Crash(number) if self.0[number] != State::Pending => (number, None),
            Act::Expire(number) => (number, Some(State::Expired)),
            Act::Crash(number) => (number, Some(State::Claimed)),
            Act::Resend(number) => return self.resent(number, refusal),
            Act::Update(number) => return self.pending_to(number, State::Pending, None, refusal),
            Act::Revoke(number) => return self.pending_to(number, State::Revoked, None, refusal),
            // Whoever repeats these gets the same answer.
            Act::Decline(number) => {
                return self.pending_to(number, State::Declined, Some(State::Declined), refusal);
            }
            Act::Accept(number) => {
                return self.pending_to(number, State::Accepted, Some(State::Accepted), refusal);
            }
        };
        refusal.is_none().then(|| next.map_or_else(|| self.clone(), |next| self.with(number, next)))
    }

    fn with(&self, number: usize, state: State) -> Self {
        let mut life = self.clone();
        life.0[number] = state;
        life
    }

    /// With all that was interrupted completed.
    pub fn completed(&self) -> Self {
        let complete = |state: &State| if *state == State::Claimed { State::Accepted } else { *state };
        Self(self.0.iter().map(complete).collect())
    }

    fn has(&self, states: &[State]) -> bool {
        self.0.iter().any(|state| states.contains(state))
    }

    fn created(&self, refusal: Option<&str>) -> Option<Self> {
        let mut life = self.completed();
        life.0.push(State::Pending);
        match refusal {
            None => (!self.has(&[State::Pending])).then_some(life),
            Some("INVITATION_ALREADY_PENDING") => {
                self.has(&[State::Pending, State::Claimed]).then(|| self.clone())
            }
            Some("ALREADY_MEMBER") => self.has(&[State::Accepted, State::Claimed]).then(|| self.clone()),
            Some(_) => None,
        }
    }

    fn resent(&self, number: usize, refusal: Option<&str>) -> Option<Self> {
        let expired = self.0[number] == State::Expired;
        match (self.0[number], refusal) {
            (State::Pending | State::Expired, None) => {
                let in_the_way = expired && self.has(&[State::Pending]);
                // What was in the way and is no more was completed.
                let before = if expired { self.completed() } else { self.clone() };
                (!in_the_way).then(|| before.with(number, State::Pending))
            }
            (State::Expired, Some("INVITATION_ALREADY_PENDING")) => {
                self.has(&[State::Pending, State::Claimed]).then(|| self.clone())
            }
            // Nobody is invited to what he is already.
            (State::Pending | State::Expired, Some("ALREADY_MEMBER")) => {
                self.has(&[State::Accepted, State::Claimed]).then(|| self.clone())
            }
            (State::Pending | State::Expired, Some(_)) => None,
            (State::Claimed, refusal) => {
                (refusal == Some(reason(State::Accepted))).then(|| self.with(number, State::Accepted))
            }
            (ended, refusal) => (refusal == Some(reason(ended))).then(|| self.clone()),
        }
    }

    fn pending_to(
        &self,
        number: usize,
        next: State,
        repeated: Option<State>,
        refusal: Option<&str>,
    ) -> Option<Self> {
        let (state, life) = match self.0[number] {
            State::Claimed => (State::Accepted, self.with(number, State::Accepted)),
            state => (state, self.clone()),
        };
        match state {
            State::Pending => refusal.is_none().then(|| self.with(number, next)),
            state if Some(state) == repeated => refusal.is_none().then_some(life),
            ended => (refusal == Some(reason(ended))).then_some(life),
        }
    }
}

fn reason(ended: State) -> &'static str {
    match ended {
        State::Pending | State::Claimed => "",
        State::Accepted => "INVITATION_ALREADY_ACCEPTED",
        State::Declined => "INVITATION_DECLINED",
        State::Revoked => "INVITATION_REVOKED",
        State::Expired => "INVITATION_EXPIRED",
    }
}

/// All that may be so after `acts` were done at once and answered so: each of them at one moment, in some order.
pub fn after_all(lives: &[Life], acts: &[(Act, Answer)]) -> Vec<Life> {
    let mut possible: Vec<Life> = match acts {
        [] => lives.to_vec(),
        _ => (0..acts.len())
            .flat_map(|first| {
                let (act, answer) = &acts[first];
                let begun: Vec<Life> = lives.iter().filter_map(|life| life.after(*act, answer)).collect();
                let rest: Vec<_> = [&acts[..first], &acts[first + 1..]].concat();
                if begun.is_empty() { Vec::new() } else { after_all(&begun, &rest) }
            })
            .collect(),
    };
    possible.sort();
    possible.dedup();
    possible
}
