//! What follows when somebody has shown who he is: a session, or a challenge for what is still missing.

use usher_api::identity::{Credentials, SecondFactorChallenge};
use usher_runtime::Change;

use crate::Identity;
use crate::entity::account::Model as Account;
use crate::error::Error;
use crate::lockout::Attempt;
use crate::second_factor::{Demand, challenge, demand};
use crate::session::{self, Begun, Whereabouts};

/// What somebody gets who has shown the first factor.
pub(crate) enum Admission {
    Session(Credentials),
    Challenge(SecondFactorChallenge),
}

/// Admits the person of `account`, who is held by `change`, as far as the first factor goes, and commits.
pub(crate) async fn admit(
    service: &Identity,
    change: Change,
    account: &Account,
    whereabouts: Whereabouts,
    attempt: Attempt,
) -> Result<Admission, Error> {
    match demand(service, &*change, account).await? {
        Demand::Nothing => {
            Ok(Admission::Session(enter(service, change, account, whereabouts, attempt).await?))
        }
        missing => {
            attempt.challenge(&change, account).await?;
            let challenge =
                challenge::begin(service, &change, account.id, whereabouts.device, &missing).await?;
            change.commit().await?;
            Ok(Admission::Challenge(challenge))
        }
    }
}

/// Begins a session of the person of `account`, of whom nothing is missing any more, and commits.
pub(crate) async fn enter(
    service: &Identity,
    change: Change,
    account: &Account,
    whereabouts: Whereabouts,
    attempt: Attempt,
) -> Result<Credentials, Error> {
    attempt.succeed(&change, Some(account)).await?;
    let Begun { session, token } = session::open(service, &change, account, whereabouts).await?;
    change.commit().await?;
    session::credentials(service, account, &session, token).await
}
