//! What is refused.

use std::time::Duration;

use tokio::time::Instant;
use tonic::Request;
use usher_api::invitation::{
    AcceptInvitationRequest, GetInvitationRequest, Invitation, InvitationState, RevokeInvitationRequest,
};

use super::guests::Invitee;
use super::setting::Places;
use super::{Story, Unexpected, grant};
use crate::dev::people::{Person, password, registration};

/// The life of the invitation that expires: long enough for its mail, short enough to be waited for.
const SHORT: Duration = Duration::from_secs(3);
/// How long the story waits until expiry is seen.
const PATIENCE: Duration = Duration::from_secs(30);

impl Story {
    /// Returns Bruno, who comes in the end.
    pub(super) async fn refusals(
        &mut self,
        morgan: &Person,
        ines: &Person,
        tomas: &Person,
        imported: [Invitee; 3],
        places: &Places,
    ) -> Result<Person, Unexpected> {
        self.narrator.chapter("What is refused");
        let [bruno, carla, _dana] = imported;
        let grants = vec![grant(&places.alpine, &["guest"])];
        let erik = self.email("erik", "alpine-bank");
        let expiring = self.invite(morgan, &places.northwind, &erik, grants.clone(), Some(SHORT)).await?;

        let nobody = self.email("nobody", "alpine-bank");
        self.narrator.tell("Ines is an analyst, not a member manager, and invites somebody:");
        let invited = self.invite(ines, &places.northwind, &nobody, grants, None).await;
        self.refused(invited, "PERMISSION_DENIED");

        self.narrator.tell("Morgan offers somebody the role admin, which is more than Morgan has:");
        let grants = vec![grant(&places.alpine, &["admin"])];
        let invited = self.invite(morgan, &places.northwind, &nobody, grants, None).await;
        self.refused(invited, "ROLE_EXCEEDS_AUTHORITY");

        self.narrator.tell(format!(
            "Tomas got hold of the link to {} and accepts, signed in as himself:",
            bruno.email
        ));
        let request =
            AcceptInvitationRequest { token: bruno.token.clone(), ..AcceptInvitationRequest::default() };
        let accepted = self.api.invitation().accept_invitation(tomas.says(request)).await;
        self.refused(accepted, "EMAIL_MISMATCH");
        self.narrator.tell("The invitation is still there for Bruno:");
        let bruno = self.register("Bruno", &bruno.email, bruno.token).await?;

        self.revoked(morgan, carla).await?;
        self.expired(morgan, &erik, expiring).await?;
        Ok(bruno)
    }

    async fn revoked(&mut self, morgan: &Person, carla: Invitee) -> Result<(), Unexpected> {
        self.narrator
            .tell(format!("Morgan revokes the invitation of {}, who then opens the link:", carla.email));
        let request = RevokeInvitationRequest {
            name: carla.invitation.name,
            etag: String::new(),
            request_id: self.request_id(),
        };
        self.api.invitation().revoke_invitation(morgan.says(request)).await?;
        self.accept_too_late("Carla", carla.token, "INVITATION_REVOKED").await;
        Ok(())
    }

    async fn expired(
        &mut self,
        morgan: &Person,
        email: &str,
        invitation: Invitation,
    ) -> Result<(), Unexpected> {
        let seconds = SHORT.as_secs();
        self.narrator
            .tell(format!("{email} was invited for {seconds} seconds and opens the link after that:"));
        let token = self.mailbox.wait_for(email).await?.token()?;
        let until = Instant::now() + PATIENCE;
        while self.state(morgan, &invitation).await? != InvitationState::Expired {
            if Instant::now() > until {
                return Err(Unexpected::new("the invitation did not expire"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.accept_too_late("Erik", token, "INVITATION_EXPIRED").await;
        Ok(())
    }

    async fn state(&self, person: &Person, invitation: &Invitation) -> Result<InvitationState, Unexpected> {
        let request = person.says(GetInvitationRequest { name: invitation.name.clone() });
        let answer = self.api.invitation().get_invitation(request).await?.into_inner();
        Ok(answer.invitation.unwrap_or_default().state())
    }

    async fn accept_too_late(&mut self, name: &str, token: String, reason: &str) {
        let registration = Some(registration(name, &password(&self.random)));
        let request = Request::new(AcceptInvitationRequest {
            token,
            registration,
            ..AcceptInvitationRequest::default()
        });
        let accepted = self.api.invitation().accept_invitation(request).await;
        self.refused(accepted, reason);
    }
}
