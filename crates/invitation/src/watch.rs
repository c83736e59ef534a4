//! Streams of changes: as many as the process bears, each told what happened since it last heard.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{Stream, stream};
use sea_orm::EntityTrait as _;
use sea_orm::{ColumnTrait as _, QueryFilter as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use usher_api::invitation::{WatchInvitationsResponse, WatchedChange};
use usher_api::name::CommunityName;
use usher_runtime::{Caller, Failure, Pages, Workers};
use uuid::Uuid;

use crate::entity::{grant, history, invitation};
use crate::error::Error;
use crate::{Invitation, access};

/// How often a stream looks for changes.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How often a stream shows that it lives.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
/// How long a stream waits for somebody who does not read.
const PATIENCE: Duration = Duration::from_mins(1);
/// The most changes in one message.
const MOST_CHANGES: u64 = 100;
/// How many messages wait for whoever reads.
const AHEAD: usize = 4;
/// How many streams one person or program may have in a process.
const MOST_OF_ONE: usize = 20;

/// What the RPC answers with.
pub(crate) type Changes = Pin<Box<dyn Stream<Item = Result<WatchInvitationsResponse, Status>> + Send>>;

/// The streams of a process. Clones share them.
#[derive(Clone)]
pub(crate) struct Streams {
    places: Arc<Semaphore>,
    by_caller: Arc<Mutex<HashMap<Uuid, usize>>>,
    ending: CancellationToken,
}

/// The place of one stream, free again when it is dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
    caller: Uuid,
    by_caller: Arc<Mutex<HashMap<Uuid, usize>>>,
}

impl Streams {
    pub(crate) fn new(most: usize) -> Self {
        let places = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Self { places, by_caller: Arc::default(), ending: CancellationToken::new() }
    }

    /// Ends all streams when the process begins to stop: they would keep it waiting.
    pub(crate) fn end_with(&self, workers: &Workers) {
        let (ending, draining) = (self.ending.clone(), workers.draining());
        workers.spawn("invitation-watch-end", move |stop| {
            let (ending, draining) = (ending.clone(), draining.clone());
            async move {
                tokio::select! {
                    () = draining.cancelled() => {}
                    () = stop.cancelled() => {}
                }
                ending.cancel();
            }
        });
    }

    fn enter(&self, caller: Uuid) -> Result<Place, Failure> {
        let permit = self.places.clone().try_acquire_owned().map_err(|_| Failure::Overloaded)?;
        let mut by_caller = self.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = by_caller.entry(caller).or_default();
        if *streams >= MOST_OF_ONE {
            return Err(Failure::Overloaded);
        }
        *streams += 1;
        Ok(Place { _permit: permit, caller, by_caller: self.by_caller.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_caller = self.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(streams) = by_caller.get_mut(&self.caller) {
            *streams -= 1;
            if *streams == 0 {
                by_caller.remove(&self.caller);
            }
        }
    }
}

/// Who watches what, and how far he has heard.
pub(crate) struct Watch {
    pub(crate) service: Invitation,
    pub(crate) caller: Caller,
    pub(crate) root: CommunityName,
    pub(crate) community: Option<CommunityName>,
    /// The place of the last change that was told.
    pub(crate) place: i64,
}

impl Watch {
    /// Begins to tell. The work is a task of its own: whoever goes away must not break off a transaction in its middle.
    pub(crate) fn begin(self) -> Result<Changes, Error> {
        let place = self.service.streams.enter(self.caller.actor()?.principal.id())?;
        let (sender, mut receiver) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            let ended = self.run(&sender).await;
            if let Err(error) = ended {
                let _ = sender.send(Err(error.into())).await;
            }
            drop(place);
        });
        Ok(Box::pin(stream::poll_fn(move |context| receiver.poll_recv(context))))
    }

    /// Tells until somebody or something ends it.
    async fn run(
        mut self,
        sender: &mpsc::Sender<Result<WatchInvitationsResponse, Status>>,
    ) -> Result<(), Error> {
        let ending = self.service.streams.ending.clone();
        let mut judged = Instant::now();
        let mut told: Option<Instant> = None;
        while !ending.is_cancelled() && !sender.is_closed() {
            if judged.elapsed() >= self.service.config.watch_check_interval {
                self.require_authority().await?;
                judged = Instant::now();
            }
            let (changes, is_full) = self.next_changes().await?;
            let silent = told.is_none_or(|told| told.elapsed() >= HEARTBEAT_INTERVAL);
            if silent || !changes.is_empty() {
                let message = WatchInvitationsResponse { changes, resume_token: self.resume_token()? };
                if sender.send_timeout(Ok(message), PATIENCE).await.is_err() {
                    return Ok(());
                }
                told = Some(Instant::now());
            }
            if !is_full {
                tokio::select! {
                    () = tokio::time::sleep(POLL_INTERVAL) => {}
                    () = ending.cancelled() => {}
                    () = sender.closed() => {}
                }
            }
        }
        Ok(())
    }

    /// Refuses as soon as the token or the authority of whoever watches is gone.
    pub(crate) async fn require_authority(&self) -> Result<(), Error> {
        let place = self.community.unwrap_or(self.root);
        match access::require(&self.service, &self.caller, access::LIST, place).await {
            // His token has expired, or was taken from him.
            Err(Failure::Internal(source)) => match source.downcast::<Status>() {
                Ok(status) if status.code() == Code::Unauthenticated => Err(Failure::Refused(status).into()),
                Ok(status) => Err(Failure::Internal(status).into()),
                Err(source) => Err(Failure::Internal(source).into()),
            },
            judged => Ok(judged?),
        }
    }

    /// What happened after the place, which moves on, and whether there is perhaps more.
    async fn next_changes(&mut self) -> Result<(Vec<WatchedChange>, bool), Error> {
        let database = &self.service.database;
        let rows = crate::history::after(database, self.root, self.place, MOST_CHANGES).await?;
        let Some(last) = rows.last() else { return Ok((Vec::new(), false)) };
        self.place = last.place.unwrap_or(self.place);
        let is_full = rows.len() as u64 == MOST_CHANGES;
        Ok((self.describe(&rows).await?, is_full))
    }

    async fn describe(&self, rows: &[history::Model]) -> Result<Vec<WatchedChange>, Error> {
        let connection = &*self.service.database;
        let ids = || rows.iter().map(|row| row.invitation_id);
        let found = invitation::Entity::find().filter(invitation::Column::Id.is_in(ids()));
        let found = found.all(connection).await?;
        let mut grants = grant::of_invitations(connection, ids()).await?;
        if let Some(community) = self.community {
            grants.retain(|_, grants| grants.iter().any(|grant| grant.community_id == community.0));
        }
        let communities = grants.values().flatten().map(|grant| CommunityName(grant.community_id));
        let seen = access::communities_with(&self.service, &self.caller, access::LIST, communities).await?;
        let now = self.service.clock.now();
        let mut resources = HashMap::new();
        for row in found {
            let Some(mut offered) = grants.remove(&row.id) else { continue };
            offered.retain(|grant| seen.contains(&CommunityName(grant.community_id)));
            resources.insert(row.id, row.to_proto(&offered, now));
        }
        let told = rows.iter().filter_map(|row| {
            let invitation = Some(resources.get(&row.invitation_id)?.clone());
            Some(WatchedChange { invitation, change: Some(row.to_proto()) })
        });
        Ok(told.collect())
    }

    fn resume_token(&self) -> Result<String, Failure> {
        let (service, watched) = (&self.service, (self.root, self.community));
        pages(service, &self.caller, &watched).seal(&self.place)
    }
}

/// Seals and opens the tokens of one caller who watches one thing.
pub(crate) fn pages<'a>(
    service: &'a Invitation,
    caller: &Caller,
    watched: &(CommunityName, Option<CommunityName>),
) -> Pages<'a> {
    Pages::new(&service.sealing, &service.random, caller, "WatchInvitations", watched)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_bears_so_many_streams_and_one_caller_gets_not_all() {
        let streams = Streams::new(MOST_OF_ONE + 1);
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut places: Vec<_> = (0..MOST_OF_ONE).map(|_| streams.enter(one).ok()).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(matches!(streams.enter(one), Err(Failure::Overloaded)));
        let last = streams.enter(other);
        assert!(last.is_ok() && matches!(streams.enter(other), Err(Failure::Overloaded)));
        places.pop();
        assert!(streams.enter(one).is_ok());
        drop((places, last));
        assert!(streams.by_caller.lock().is_ok_and(|by_caller| by_caller.is_empty()));
    }
}
