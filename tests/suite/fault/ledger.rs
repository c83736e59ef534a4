//! What people were answered during a fault, and what must be so in the end: see [`Ledger::settles`].

mod invariants;
mod seen;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::stream;
use sandbox::smtp::Record;
use sandbox::{Caller, Service, Suite, until};
use tonic::{Code, Status};
use usher_api::identity::AuthenticateRequest;
use usher_api::invitation::import_result::Result as Imported;
use usher_api::invitation::{
    AcceptInvitationRequest, DeliveryState, ImportHeader, ImportInvitationsRequest, ImportItem,
    InvitationFact, Registration, RevokeInvitationRequest, WatchInvitationsRequest,
};

use crate::support::people::{PASSWORD, Person, TERMS, admin_of};
use crate::support::request_id;
use crate::support::tree::{grant, link_token, managed, offer};

/// Invitations into one community, and what was answered about each.
pub struct Ledger {
    /// Invites. Whose token is how old.
    admin: tokio::sync::Mutex<(Person, Instant)>,
    credentials: AuthenticateRequest,
    anyone: Caller,
    /// Into which community.
    pub community: String,
    /// Tells all that happened since the ledger was opened.
    resume_token: String,
    record: Record,
    promises: Mutex<Vec<Promise>>,
    strikes: Mutex<Vec<Strike>>,
}

/// For how long a token is used: far less than it works.
const FRESH: Duration = Duration::from_mins(5);

/// An invitation that was answered.
#[derive(Clone, Debug)]
struct Promise {
    name: String,
    email: String,
    end: Option<End>,
    /// What becomes of its mail, unless it ends before.
    mail: DeliveryState,
}

/// How an invitation ended, as it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Accepted,
    /// When that was answered.
    Revoked(Instant),
}

impl Promise {
    fn new(name: String, email: String) -> Self {
        Self { name, email, end: None, mail: DeliveryState::Sent }
    }

    /// Whether a guest waits for his mail, and nothing but faults keeps it from him.
    fn is_to_be_mailed(&self) -> bool {
        self.end.is_none() && self.mail == DeliveryState::Sent
    }

    /// Whether it is the inviter who hears of a mail, for it cannot come.
    fn is_in_vain(&self) -> bool {
        self.mail != DeliveryState::Sent
    }

    /// What happened last, apart from what became of a mail on its way.
    fn last_fact(&self) -> InvitationFact {
        match self.end {
            None if self.is_in_vain() => InvitationFact::DeliveryFailed,
            None => InvitationFact::Sent,
            Some(End::Accepted) => InvitationFact::Accepted,
            Some(End::Revoked(_)) => InvitationFact::Revoked,
        }
    }
}

/// A time in which somebody who delivers mail could not tell what he had done.
#[derive(Clone, Copy, Debug)]
struct Strike {
    from: Instant,
    until: Instant,
    /// How many of them.
    senders: usize,
}

impl Ledger {
    /// A ledger of a new community.
    pub async fn open(suite: &Suite) -> Self {
        let admin = admin_of(&suite.description).await;
        let community = managed(&admin).await;
        let request = WatchInvitationsRequest { parent: community.clone(), ..Default::default() };
        let watch = admin.caller.invitation().watch_invitations(request).await;
        let mut watch = watch.expect("the administrator may watch").into_inner();
        let first = watch.message().await.expect("the stream goes on").expect("a message comes first");
        let credentials = AuthenticateRequest {
            email: suite.description.admin_email.clone(),
            password: suite.description.admin_password.clone(),
            ..AuthenticateRequest::default()
        };
        Self {
            admin: tokio::sync::Mutex::new((admin, Instant::now())),
            credentials,
            anyone: Caller::nobody_at(&suite.description),
            community,
            resume_token: first.resume_token,
            record: suite.smtp.record.clone(),
            promises: Mutex::default(),
            strikes: Mutex::default(),
        }
    }

    /// A ledger that asks the second process of `service`.
    pub async fn asking_the_second(suite: &mut Suite, service: Service) -> Self {
        let as_it_is = suite.description.clone();
        suite.description.endpoints.get_mut(&service).expect("it runs").reverse();
        let ledger = Self::open(suite).await;
        suite.description = as_it_is;
        ledger
    }

    /// Who invites, signed in not long ago: faults may last longer than his token.
    pub async fn admin(&self) -> Person {
        let mut admin = self.admin.lock().await;
        if admin.1.elapsed() > FRESH {
            let sign_in = async || self.anyone.identity().authenticate(self.credentials.clone()).await;
            let credentials = insist(sign_in).await.into_inner().credentials.expect("they come");
            admin.0.caller = self.anyone.bearing(&credentials.access_token);
            admin.1 = Instant::now();
        }
        admin.0.clone()
    }

    /// Invites `email` by mail, again until that is answered, and returns the name of the invitation.
    pub async fn invite(&self, email: &str) -> String {
        let mut request = offer(&self.community, email, vec![grant(&self.community, &["guest"])]);
        request.notify = None;
        let create = async || self.admin().await.caller.invitation().create_invitation(request.clone()).await;
        let made = insist(create).await.into_inner();
        let name = made.invitation.expect("it comes").name;
        self.promises().push(Promise::new(name.clone(), email.to_owned()));
        name
    }

    /// Invites `email`, whom no mail can reach, so that its mail ends as `state`.
    pub async fn invite_in_vain(&self, email: &str, state: DeliveryState) -> String {
        let name = self.invite(email).await;
        let mut promises = self.promises();
        let promise = promises.iter_mut().find(|promise| promise.name == name);
        promise.expect("it was made here").mail = state;
        name
    }

    /// Invites all of `emails` by mail in one import.
    pub async fn import(&self, emails: &[String]) {
        let header = ImportHeader {
            parent: self.community.clone(),
            grants: vec![grant(&self.community, &["guest"])],
            request_id: request_id(),
            ..ImportHeader::default()
        };
        let item = |email: &String| ImportItem { email: email.clone(), ..ImportItem::default() };
        let mut messages: Vec<_> = emails
            .chunks(500)
            .map(|some| ImportInvitationsRequest {
                items: some.iter().map(item).collect(),
                ..ImportInvitationsRequest::default()
            })
            .collect();
        messages[0].header = Some(header);
        let import = self.admin().await.caller.invitation().import_invitations(stream::iter(messages)).await;
        let mut answers = import.expect("the administrator may invite").into_inner();
        while let Some(answer) = answers.message().await.expect("the import goes on") {
            for result in answer.results {
                let Some(Imported::Invitation(made)) = result.result else { panic!("{result:?}") };
                self.promises().push(Promise::new(made.name, result.email));
            }
        }
    }

    /// Revokes an invitation, again until that is answered.
    pub async fn revoke(&self, name: &str) {
        let request = RevokeInvitationRequest {
            name: name.to_owned(),
            request_id: request_id(),
            ..RevokeInvitationRequest::default()
        };
        insist(async || self.admin().await.caller.invitation().revoke_invitation(request.clone()).await)
            .await;
        self.ended(name, End::Revoked(Instant::now()));
    }

    /// Has the guest register and accept, again until that is answered.
    pub async fn accept(&self, name: &str) {
        let token = insist(async || link_token(&self.admin().await, name).await).await;
        let registration = Registration {
            full_name: "Noor Haddad".to_owned(),
            password: PASSWORD.to_owned(),
            terms_version: TERMS.to_owned(),
            ..Registration::default()
        };
        let registration = Some(registration);
        let request = AcceptInvitationRequest { token, registration, ..AcceptInvitationRequest::default() };
        insist(async || self.anyone.invitation().accept_invitation(request.clone()).await).await;
        self.ended(name, End::Accepted);
    }

    /// The name of the invitation of `email`.
    pub fn name(&self, email: &str) -> String {
        let promises = self.promises();
        promises.iter().find(|promise| promise.email == email).expect("it was made here").name.clone()
    }

    /// How many invitations there are.
    pub fn count(&self) -> usize {
        self.promises().len()
    }

    /// How many mails the server took for `email`.
    pub fn copies(&self, email: &str) -> usize {
        self.record.of(email).len()
    }

    /// Notes that somebody who delivers mail dies now.
    pub fn strike(&self) {
        self.strike_since(Instant::now(), 1);
    }

    /// Notes that `senders` who deliver mail, or what they write into, stood still or were away since `from`.
    pub fn strike_since(&self, from: Instant, senders: usize) {
        let strike = Strike { from, until: Instant::now(), senders };
        self.strikes.lock().unwrap_or_else(PoisonError::into_inner).push(strike);
    }

    fn ended(&self, name: &str, end: End) {
        let mut promises = self.promises();
        let promise = promises.iter_mut().find(|promise| promise.name == name);
        promise.expect("it was made here").end = Some(end);
    }

    fn promises(&self) -> MutexGuard<'_, Vec<Promise>> {
        self.promises.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls until it is answered: whoever died comes back.
///
/// # Panics
/// If the answer is a refusal that has nothing to do with that.
pub async fn insist<T>(call: impl AsyncFn() -> Result<T, Status>) -> T {
    until("the call is answered", || async {
        match call().await {
            Ok(answer) => Some(answer),
            Err(status) => {
                assert!(is_broken(&status), "{status:?}");
                None
            }
        }
    })
    .await
}

fn is_broken(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::Unknown
            | Code::Internal
            | Code::Cancelled
            | Code::Aborted
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
    )
}
