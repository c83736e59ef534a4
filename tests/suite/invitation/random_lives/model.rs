//! What becomes of invitations of one person into one community, whatever is done in whatever order.

/// Where an invitation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Pending,
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
            Act::Crash(number) => (number, Some(State::Accepted)),
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

    fn is_live(&self) -> bool {
        self.0.contains(&State::Pending)
    }

    fn created(&self, refusal: Option<&str>) -> Option<Self> {
        let mut life = self.clone();
        life.0.push(State::Pending);
        match refusal {
            None => (!self.is_live()).then_some(life),
            Some("INVITATION_ALREADY_PENDING") => self.is_live().then(|| self.clone()),
            Some("ALREADY_MEMBER") => self.0.contains(&State::Accepted).then(|| self.clone()),
            Some(_) => None,
        }
    }

    fn resent(&self, number: usize, refusal: Option<&str>) -> Option<Self> {
        let in_the_way = self.0[number] == State::Expired && self.is_live();
        match (self.0[number], refusal) {
            (State::Pending | State::Expired, None) => {
                (!in_the_way).then(|| self.with(number, State::Pending))
            }
            (State::Expired, Some("INVITATION_ALREADY_PENDING")) => in_the_way.then(|| self.clone()),
            // Nobody is invited to what he is already.
            (State::Pending | State::Expired, Some("ALREADY_MEMBER")) => {
                self.0.contains(&State::Accepted).then(|| self.clone())
            }
            (State::Pending | State::Expired, Some(_)) => None,
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
        match self.0[number] {
            State::Pending => refusal.is_none().then(|| self.with(number, next)),
            state if Some(state) == repeated => refusal.is_none().then(|| self.clone()),
            ended => (refusal == Some(reason(ended))).then(|| self.clone()),
        }
    }
}

fn reason(ended: State) -> &'static str {
    match ended {
        State::Pending => "",
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
