//! What must hold where something is offered: the inviter's authority, the settings of the communities, and seats. The community
//! service judges; this file knows what to ask it and how to refuse.

use std::time::Duration;

use usher_api::community::{
    CheckGrantsRequest, Grant, GrantTerms, PersonalMessages, Recipient, RecipientRefusal, RecipientVerdict,
    ReleaseSeatsRequest, SeatReservation,
};
use usher_api::name::{CommunityName, InvitationName};
use usher_runtime::rpc::error_chain;
use usher_runtime::{Caller, EmailAddress, Failure, Violations};
use uuid::Uuid;

use crate::config::Config;
use crate::entity::{grant, invitation};
use crate::error::Error;
use crate::{Invitation, access};

/// What is to be judged.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) root: CommunityName,
    pub(crate) permission: &'a str,
    pub(crate) grants: Vec<Grant>,
    pub(crate) recipients: Vec<Recipient>,
    /// Whether seats are kept for those in whose way nothing stands.
    pub(crate) reserve: bool,
}

/// Somebody to whom an invitation of this id is about to be written.
pub(crate) fn new_recipient(root: CommunityName, id: Uuid, email: &EmailAddress) -> Recipient {
    let invitation = InvitationName { root, id };
    Recipient { email: email.typed().to_owned(), invitation: invitation.to_string(), ..Recipient::default() }
}

/// Whoever an invitation is for that is there already.
pub(crate) fn known_recipient(row: &invitation::Model) -> Recipient {
    Recipient {
        email: row.email.clone(),
        invitation: row.name().to_string(),
        invitation_version: row.version,
        ended: row.state != invitation::State::Pending,
    }
}

/// What the community service said.
#[derive(Debug)]
pub(crate) struct Judged {
    /// In their full form.
    pub(crate) grants: Vec<Grant>,
    /// What holds for each grant.
    pub(crate) terms: Vec<GrantTerms>,
    /// What stands in the way of each recipient.
    pub(crate) verdicts: Vec<RecipientVerdict>,
}

/// Has the community service judge whether the calling person may offer the grants, to whom.
pub(crate) async fn judge(
    service: &Invitation,
    caller: &Caller,
    question: Question<'_>,
) -> Result<Judged, Failure> {
    let request = CheckGrantsRequest {
        root: question.root.to_string(),
        grants: question.grants,
        permission: question.permission.to_owned(),
        recipients: question.recipients,
        reserve_seats: question.reserve,
    };
    let answer = service.community.clone().check_grants(caller.forward(request)).await;
    let answer = answer.map_err(|status| Failure::from_neighbour("community", status))?.into_inner();
    Ok(Judged { grants: answer.grants, terms: answer.terms, verdicts: answer.verdicts })
}

/// Refuses who lacks `permission` over what is offered. Who might act if a community were not stopped learns that it is.
pub(crate) async fn require_power(
    service: &Invitation,
    caller: &Caller,
    permission: &str,
    root: CommunityName,
    grants: &[grant::Model],
) -> Result<(), Failure> {
    let Err(refusal) = access::require_in_all(service, caller, permission, grants).await else {
        return Ok(());
    };
    let question = Question {
        root,
        permission,
        grants: grants.iter().map(grant::Model::to_proto).collect(),
        recipients: Vec::new(),
        reserve: false,
    };
    judge(service, caller, question).await?;
    Err(refusal)
}

/// Gives the seats back that were kept for invitations which were not written after all.
pub(crate) async fn release(service: &Invitation, root: CommunityName, ids: &[Uuid]) {
    let name = |id: &Uuid| InvitationName { root, id: *id }.to_string();
    let reservations = ids.iter().map(|id| SeatReservation { invitation: name(id), invitation_version: 0 });
    give_back(service, reservations.collect()).await;
}

/// As [`release`], for an invitation that is there already: `row` as it was when the seats were asked for.
pub(crate) async fn release_known(service: &Invitation, row: &invitation::Model) {
    let invitation = row.name().to_string();
    give_back(service, vec![SeatReservation { invitation, invitation_version: row.version }]).await;
}

/// What cannot be told now comes free by itself.
async fn give_back(service: &Invitation, reservations: Vec<SeatReservation>) {
    if reservations.is_empty() {
        return;
    }
    let released = service.community.clone().release_seats(ReleaseSeatsRequest { reservations }).await;
    if let Err(error) = released {
        tracing::warn!(error = error_chain(&error), "seats stay reserved until their lease ends");
    }
}

impl Judged {
    /// How long an invitation lives for which `asked` was asked.
    ///
    /// # Errors
    /// A violation of the field `ttl`, told with `prefix`, if the settings of a community do not let it live as long.
    pub(crate) fn life(
        &self,
        asked: Option<Duration>,
        config: &Config,
        prefix: &str,
    ) -> Result<Duration, Failure> {
        let Some(asked) = asked else {
            let most = self.longest_life();
            return Ok(most.map_or(config.default_ttl, |most| config.default_ttl.min(most)));
        };
        self.require_life(&format!("{prefix}ttl"), asked, "must be at most")?;
        Ok(asked)
    }

    /// Refuses a life that the settings of a community do not allow, as a violation of `field`, which says that it `must` be less.
    pub(crate) fn require_life(&self, field: &str, life: Duration, must: &str) -> Result<(), Failure> {
        let Some(longest) = self.longest_life() else { return Ok(()) };
        let mut violations = Violations::default();
        let what = format_args!("{must} {} s, by the settings of the communities", longest.as_secs());
        violations.require(life <= longest, field, what);
        violations.finish()
    }

    fn longest_life(&self) -> Option<Duration> {
        let lives = self.terms.iter().filter_map(|terms| terms.max_invitation_life);
        lives.filter_map(|life| Duration::try_from(life).ok()).min()
    }

    /// Refuses a message that a community does not allow.
    pub(crate) fn require_allowed(&self, message: &str, config: &Config) -> Result<(), Error> {
        if message.is_empty() {
            return Ok(());
        }
        let communities = self.mute(config);
        if communities.is_empty() { Ok(()) } else { Err(Error::MessageNotAllowed { communities }) }
    }

    /// The communities whose invitations carry no message.
    fn mute(&self, config: &Config) -> Vec<String> {
        let allows = |terms: &GrantTerms| match terms.personal_messages() {
            PersonalMessages::Allowed => true,
            PersonalMessages::Forbidden => false,
            PersonalMessages::Unspecified => config.personal_messages,
        };
        let mute = self.grants.iter().zip(&self.terms).filter(|(_, terms)| !allows(terms));
        mute.map(|(grant, _)| grant.community.clone()).collect()
    }

    /// Refuses the recipient at `index` if something stands in his way.
    pub(crate) fn require_way(&self, index: usize, email: &EmailAddress) -> Result<(), Error> {
        match self.obstacles(index, email).into_iter().next() {
            None => Ok(()),
            Some(first) => Err(first),
        }
    }

    /// All that stands in the way of the recipient at `index`, one refusal for each reason.
    pub(crate) fn obstacles(&self, index: usize, email: &EmailAddress) -> Vec<Error> {
        let obstacles = self.verdicts.get(index).map_or(&[][..], |verdict| &verdict.obstacles);
        let places = |reason: RecipientRefusal| -> Vec<String> {
            let with = obstacles.iter().filter(|obstacle| obstacle.reason() == reason);
            with.map(|obstacle| obstacle.community.clone()).collect()
        };
        let mut refusals = Vec::new();
        let communities = places(RecipientRefusal::EmailDomainNotAllowed);
        if !communities.is_empty() {
            refusals.push(Error::EmailDomainNotAllowed { communities, domain: email.domain().to_owned() });
        }
        if let Some(community) = places(RecipientRefusal::AlreadyMember).into_iter().next() {
            refusals.push(Error::AlreadyMember { community });
        }
        let communities = places(RecipientRefusal::SeatLimitReached);
        if !communities.is_empty() {
            let full = |it: &&usher_api::community::RecipientObstacle| it.seat_limit > 0;
            let limit = obstacles.iter().find(full).map_or(0, |obstacle| obstacle.seat_limit);
            refusals.push(Error::SeatLimitReached { communities, limit });
        }
        refusals
    }
}
