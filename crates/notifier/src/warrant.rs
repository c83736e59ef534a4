//! Whether a mail may still leave, asked when its words are about to be said: mails wait for their turn after they were written,
//! and mail servers take their time.

use std::time::Duration;

use tokio::time::Instant;
use tonic::Code;
use usher_api::invitation::DescribeInvitationRequest;
use usher_api::invitation::invitation_service_client::InvitationServiceClient;
use usher_runtime::Transport;

use crate::lease::Lease;
use crate::mailer::Outcome;

/// For how long it counts that an invitation was pending. A mail can leave so long after its invitation ended, and as long as its
/// last words take.
const FRESH: Duration = Duration::from_millis(500);

/// What a mail needs to leave.
pub(crate) struct Warrant {
    lease: Lease,
    invitation: Option<PendingInvitation>,
}

/// An invitation that was pending when it was asked for last.
pub(crate) struct PendingInvitation {
    pub(crate) name: String,
    pub(crate) asked: Instant,
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
            invitation.check().await?;
        }
        // A process that stood still all the while must not send what another has sent meanwhile.
        if self.lease.is_held(Instant::now()) {
            return Ok(());
        }
        Err(Outcome::Deferred("the lease ended before the mail was handed over".to_owned()))
    }
}

impl PendingInvitation {
    async fn check(&self) -> Result<(), Outcome> {
        if self.asked.elapsed() < FRESH {
            return Ok(());
        }
        let request = DescribeInvitationRequest { name: self.name.clone() };
        match self.service.clone().describe_invitation(request).await {
            Ok(answer) if answer.get_ref().pending => Ok(()),
            Ok(_) => Err(Outcome::Skipped("the invitation ended before the mail was handed over".to_owned())),
            Err(status) if status.code() == Code::NotFound => {
                Err(Outcome::Skipped(status.message().to_owned()))
            }
            Err(status) => {
                let code = status.code();
                Err(Outcome::Deferred(format!("the invitation service does not answer: {code:?}")))
            }
        }
    }
}
