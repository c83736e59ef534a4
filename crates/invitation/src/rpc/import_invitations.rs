use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use tracing::Instrument as _;
use usher_api::invitation as pb;
use usher_runtime::rpc::answer;
use usher_runtime::{Caller, Failure, Violations};

use crate::Invitation;
use crate::error::Error;
use crate::import::{Import, PIECE};
use crate::import_lines::{Csv, Line, typed};

/// The answers of an import.
pub(crate) type Answers = ReceiverStream<Result<pb::ImportInvitationsResponse, Status>>;

const MOST_LINES: usize = 10_000;
/// How long an import waits for its client to send, or to read.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many answers wait for a client that reads slowly. Until it reads, nobody else is invited.
const UNREAD: usize = 2;

pub(crate) async fn import_invitations(
    service: &Invitation,
    caller: &Caller,
    mut requests: Streaming<pb::ImportInvitationsRequest>,
) -> Result<Answers, Error> {
    let turn = service.imports.clone().try_acquire_owned().map_err(|_| Failure::Overloaded)?;
    let mut first = next(&mut requests).await?.unwrap_or_default();
    let mut violations = Violations::default();
    violations.require(first.header.is_some(), "header", "must be in the first message");
    violations.finish()?;
    let header = first.header.take().unwrap_or_default();
    let import = Import::begin(service.clone(), caller.clone(), header).await?;
    let (sender, answers) = mpsc::channel(UNREAD);
    // A task of its own: a client that goes away must not interrupt a change.
    let work = async move {
        let _turn = turn;
        if let Err(status) = answer(run(import, first, requests, &sender).await) {
            // Whoever has gone does not hear it.
            let _ = sender.send_timeout(Err(status), PATIENCE).await;
        }
    };
    tokio::spawn(work.in_current_span());
    Ok(ReceiverStream::new(answers))
}

/// The next message of the client. `None` if there is none any more.
async fn next(
    requests: &mut Streaming<pb::ImportInvitationsRequest>,
) -> Result<Option<pb::ImportInvitationsRequest>, Failure> {
    match tokio::time::timeout(PATIENCE, requests.message()).await {
        Ok(Ok(message)) => Ok(message),
        Ok(Err(status)) => Err(Failure::Refused(Box::new(status))),
        Err(_) => Err(Failure::DeadlineExceeded),
    }
}

/// Takes what the client sends until it ends, and invites piece by piece. Ends early if nobody reads the answers any more.
async fn run(
    mut import: Import,
    first: pb::ImportInvitationsRequest,
    mut requests: Streaming<pb::ImportInvitationsRequest>,
    sender: &mpsc::Sender<Result<pb::ImportInvitationsResponse, Status>>,
) -> Result<(), Error> {
    let (mut csv, mut lines) = (None, Vec::new());
    let mut message = Some(first);
    loop {
        let ended = message.is_none();
        match message.take() {
            Some(message) => read(message, &mut csv, &mut lines)?,
            None => finish(&mut csv, &mut lines)?,
        }
        let mut violations = Violations::default();
        let number_fits = import.received() + lines.len() <= MOST_LINES;
        violations.require(number_fits, "items", format_args!("must be at most {MOST_LINES} in one import"));
        violations.finish()?;
        while lines.len() >= PIECE || (ended && !lines.is_empty()) {
            let piece: Vec<Line> = lines.drain(..lines.len().min(PIECE)).collect();
            let answer = import.invite(&piece).await?;
            if sender.send_timeout(Ok(answer), PATIENCE).await.is_err() {
                return Ok(());
            }
        }
        if ended {
            let _ = sender.send_timeout(Ok(import.end()), PATIENCE).await;
            return Ok(());
        }
        message = next(&mut requests).await?;
    }
}

/// The lines of a message.
fn read(
    message: pb::ImportInvitationsRequest,
    csv: &mut Option<Csv>,
    lines: &mut Vec<Line>,
) -> Result<(), Failure> {
    let mut violations = Violations::default();
    violations.require(message.header.is_none(), "header", "must be in the first message alone");
    lines.extend(message.items.into_iter().map(Line::Item));
    lines.extend(typed(&message.emails));
    if !message.csv.is_empty() {
        csv.get_or_insert_with(Csv::new).take(&message.csv, lines, &mut violations);
    }
    violations.finish()
}

/// The last line of a CSV file, which need not end in a line break.
fn finish(csv: &mut Option<Csv>, lines: &mut Vec<Line>) -> Result<(), Failure> {
    let mut violations = Violations::default();
    if let Some(csv) = csv {
        csv.take(&[], lines, &mut violations);
    }
    violations.finish()
}
