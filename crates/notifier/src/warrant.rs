//! Whether a mail may still leave, asked when its words are about to be said: mails wait for their turn after they were written,
//! and mail servers take their time.

use std::time::Duration;

use tokio::time::Instant;
use tonic::Code;
use usher_api::invitation::AuthorizeInvitationMailRequest;
use usher_api::invitation::invitation_service_client::InvitationServiceClient;
use usher_runtime::Transport;

use crate::lease::Lease;
use crate::mailer::Outcome;

/// How often it is asked whether a mail may leave, if the answers come when it may not any more.
const ATTEMPTS: usize = 3;

/// What a mail needs to leave.
pub(crate) struct Warrant {
    lease: Lease,
    invitation: Option<PendingInvitation>,
}

/// An invitation that was pending when it was asked for last.
pub(crate) struct PendingInvitation {
    pub(crate) name: String,
    /// Until when its mail may begin to leave without asking again: whoever revokes it waits for that.
    pub(crate) until: Instant,
    pub(crate) service: InvitationServiceClient<Transport>,
}

impl Warrant {
    /// For a mail that needs `lease`, and that `invitation` is pending if there is one.
    pub(crate) fn new(lease: Lease, invitation: Option<PendingInvitation>) -> Self {
        Self { lease, invitation }
    }

    /// Looks once more, just before the words of the mail are said.
    ///
    /// # Errors
    /// What becomes of the mail instead.
    pub(crate) async fn check(&self) -> Result<(), Outcome> {
        if let Some(invitation) = &self.invitation {
            invitation.may_leave().await?;
        }
        // A process that stood still all the while must not send what another has sent meanwhile.
        if self.lease.is_held(Instant::now()) {
            return Ok(());
        }
        Err(Outcome::Deferred("the lease ended before the mail was handed over".to_owned()))
    }
}

impl PendingInvitation {
    async fn may_leave(&self) -> Result<(), Outcome> {
        let (mut until, mut asked) = (self.until, 0);
        while until <= Instant::now() {
            if asked == ATTEMPTS {
                let why = "the invitation service says too late that the mail may leave";
                return Err(Outcome::Deferred(why.to_owned()));
            }
            (until, asked) = (self.authorize().await?, asked + 1);
        }
        Ok(())
    }

    /// Asks until when its mail may begin to leave, which has passed if the answer took that long.
    async fn authorize(&self) -> Result<Instant, Outcome> {
        let asked = Instant::now();
        let request = AuthorizeInvitationMailRequest { name: self.name.clone() };
        let status = match self.service.clone().authorize_invitation_mail(request).await {
            Ok(answer) => return Ok(asked + lifetime(answer.get_ref().lifetime)),
            Err(status) => status,
        };
        Err(match status.code() {
            Code::FailedPrecondition => {
                Outcome::Skipped("the invitation ended before the mail was handed over".to_owned())
            }
            Code::NotFound => Outcome::Skipped(status.message().to_owned()),
            code => Outcome::Deferred(format!("the invitation service does not answer: {code:?}")),
        })
    }
}

/// For how long a mail may begin to leave, as the invitation service says it. Nothing is no time.
pub(crate) fn lifetime(said: Option<prost_types::Duration>) -> Duration {
    said.and_then(|said| said.try_into().ok()).unwrap_or_default()
}
