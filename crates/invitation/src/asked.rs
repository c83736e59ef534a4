//! One invitation as a request asks for it, alone or among others.

use std::time::Duration;

use usher_api::community::Grant;
use usher_api::invitation as pb;
use usher_api::name::CommunityName;
use usher_runtime::{Actor, EmailAddress, Violations};

use crate::draft::{Guest, Terms};
use crate::error::Error;
use crate::policy::Judged;
use crate::words::{Words, display_name};
use crate::{Invitation, parse};

/// What is asked for, of the right shape. Whether it can be is for others to say.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) guest: Guest,
    pub(crate) grants: Vec<Grant>,
    words: Words,
    ttl: Option<Duration>,
    pub(crate) notify: bool,
}

impl Asked {
    /// Reads `request`, whose fields are told with `prefix`. `None` if there is no address to invite.
    pub(crate) fn parse(
        service: &Invitation,
        prefix: &str,
        request: &pb::CreateInvitationRequest,
        violations: &mut Violations,
    ) -> Option<Self> {
        let at = |field: &str| format!("{prefix}{field}");
        let asked = request.invitation.clone().unwrap_or_default();
        let email = violations.check(at("invitation.email"), asked.email.parse::<EmailAddress>());
        let name = display_name(&at("invitation.display_name"), &asked.display_name, violations);
        parse::grants(&at("invitation.grants"), &asked.grants, violations);
        let words = Words::parse(&at("invitation."), &asked, violations);
        let ttl = parse::ttl(&at("ttl"), request.ttl.as_ref(), &service.config, violations);
        let id = service.random.uuid(service.clock.now());
        Some(Self {
            guest: Guest { id, email: email?, display_name: name },
            grants: asked.grants,
            words,
            ttl,
            notify: request.notify.unwrap_or(true),
        })
    }

    /// The terms on which it can be written.
    ///
    /// # Errors
    /// What the settings of the communities do not allow. `prefix` is that of the request's fields.
    pub(crate) fn terms(
        &self,
        service: &Invitation,
        root: CommunityName,
        inviter: Actor,
        judged: &Judged,
        prefix: &str,
    ) -> Result<Terms, Error> {
        judged.require_allowed(&self.words.message, &service.config)?;
        let life = judged.life(self.ttl, &service.config, prefix)?;
        Ok(self.terms_of(root, inviter, judged, life))
    }

    /// The terms as they would be if everything were allowed, and what is not.
    pub(crate) fn terms_and_refusals(
        &self,
        service: &Invitation,
        root: CommunityName,
        inviter: Actor,
        judged: &Judged,
        prefix: &str,
    ) -> (Terms, Vec<Error>) {
        let mut refusals = Vec::new();
        refusals.extend(judged.require_allowed(&self.words.message, &service.config).err());
        let life = judged.life(self.ttl, &service.config, prefix);
        let (life, refusal) = match life {
            Ok(life) => (life, None),
            Err(refusal) => (self.ttl.unwrap_or(service.config.default_ttl), Some(refusal)),
        };
        refusals.extend(refusal.map(Error::Shared));
        (self.terms_of(root, inviter, judged, life), refusals)
    }

    fn terms_of(&self, root: CommunityName, inviter: Actor, judged: &Judged, life: Duration) -> Terms {
        Terms {
            root,
            grants: judged.grants.clone(),
            inviter,
            life,
            notify: self.notify,
            words: self.words.clone(),
        }
    }
}
