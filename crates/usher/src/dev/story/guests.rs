//! The middle: people are invited and come.

use tonic::Request;
use usher_api::community::{CommunityKind, CreateRoleRequest, Grant, GrantOutcome, Role};
use usher_api::invitation::import_result::Result as Imported;
use usher_api::invitation::{
    AcceptInvitationRequest, ImportHeader, ImportInvitationsRequest, Invitation, Offer,
    ResolveInvitationTokenRequest, ResolveInvitationTokenResponse,
};

use super::setting::Places;
use super::{INVITE, MANAGE, Place, Story, Unexpected, VIEW, grant};
use crate::dev::people::Person;

/// Somebody who was invited together with others.
pub struct Invitee {
    /// The address.
    pub email: String,
    /// The invitation.
    pub invitation: Invitation,
    /// The token of the mailed link.
    pub token: String,
}

impl Story {
    pub(super) async fn member_manager(
        &mut self,
        avery: &Person,
        places: &Places,
    ) -> Result<Person, Unexpected> {
        self.narrator.chapter("Somebody who may invite");
        let email = self.email("morgan", "northwind");
        self.narrator.tell(format!("Avery invites {email} into Northwind SOC as manage_member and analyst."));
        let grants = vec![grant(&places.northwind, &["manage_member", "analyst"])];
        self.invite(avery, &places.northwind, &email, grants, None).await?;
        let token = self.show_mail(&email).await?.token()?;
        self.narrator.tell("Morgan opens the link, enters name and password, accepts the terms.");
        let morgan = self.register("Morgan", &email, token).await?;
        let may = self.may(&morgan.user, INVITE, &places.northwind).await?;
        self.narrator.check(may, "Morgan may invite into Northwind SOC");
        Ok(morgan)
    }

    pub(super) async fn guest_of_the_main_community(
        &mut self,
        morgan: &Person,
        places: &Places,
    ) -> Result<Person, Unexpected> {
        self.narrator.chapter("A guest of the main community reaches everything inside");
        let email = self.email("ines", "northwind");
        self.narrator
            .tell(format!("Morgan invites {email} into Northwind SOC, the main community, as analyst."));
        let grants = vec![grant(&places.northwind, &["analyst"])];
        self.invite(morgan, &places.northwind, &email, grants, None).await?;
        let token = self.show_mail(&email).await?.token()?;
        let resolved = self.open_link(&token).await?;
        self.narrator.check(
            !resolved.account_exists,
            "opening the link shows the offer and changes nothing: Ines has no account yet",
        );
        self.narrator.tell("Ines enters name and password, accepts the terms.");
        let ines = self.register("Ines", &email, token).await?;
        let tree = [&places.northwind, &places.alpine, &places.harbour, &places.meadow];
        let works_in = self.where_may(&ines.user, MANAGE, &tree).await?;
        self.narrator.check(works_in.len() == tree.len(), format!("Ines works in {}", works_in.join(", ")));
        let elsewhere = self.may(&ines.user, VIEW, &places.solo).await?;
        self.narrator.check(!elsewhere, "and not in Solo Foundry, which is outside");
        Ok(ines)
    }

    pub(super) async fn later_community(
        &mut self,
        avery: &Person,
        ines: &Person,
        places: &Places,
    ) -> Result<Place, Unexpected> {
        self.narrator.chapter("What is created later is hers too");
        self.narrator.tell("Avery creates one more managed community inside Northwind SOC.");
        let inside = Some(&places.northwind);
        let quayside =
            self.create_community(avery, "Quayside Energy", CommunityKind::Managed, inside).await?;
        let may = self.may(&ines.user, MANAGE, &quayside).await?;
        self.narrator.check(may, "Ines works in Quayside Energy without another invitation");
        Ok(quayside)
    }

    pub(super) async fn guest_of_two_communities(
        &mut self,
        morgan: &Person,
        places: &Places,
    ) -> Result<Person, Unexpected> {
        self.narrator.chapter("A guest of two managed communities: one invitation, one mail, one acceptance");
        let email = self.email("tomas", "alpine-bank");
        self.narrator.tell(format!(
            "Morgan invites {email} into Alpine Bank as analyst and into Harbour Logistics as guest."
        ));
        let grants = vec![grant(&places.alpine, &["analyst"]), grant(&places.harbour, &["guest"])];
        self.invite(morgan, &places.northwind, &email, grants, None).await?;
        let token = self.show_mail(&email).await?.token()?;
        self.narrator.tell("Tomas enters name and password, accepts the terms, once.");
        let tomas = self.register("Tomas", &email, token).await?;
        let mails = self.mailbox.mails_to(&email).len();
        self.narrator.check(mails == 1, format!("{mails} mail was sent"));
        let tree = [&places.northwind, &places.alpine, &places.harbour, &places.meadow];
        let sees = self.where_may(&tomas.user, VIEW, &tree).await?;
        let exactly_two = sees == [places.alpine.name, places.harbour.name];
        self.narrator.check(exactly_two, format!("Tomas reaches exactly {}", sees.join(" and ")));
        Ok(tomas)
    }

    pub(super) async fn custom_role_for_an_existing_account(
        &mut self,
        avery: &Person,
        tomas: &Person,
        places: &Places,
    ) -> Result<(), Unexpected> {
        self.narrator.chapter("An existing account and a custom role");
        let role = self.create_role(avery, &places.solo).await?;
        self.narrator.tell(format!("Avery invites {} into Solo Foundry with it.", tomas.email));
        let before = self.mailbox.mails_to(&tomas.email).len();
        let grants = vec![Grant { roles: vec![role], ..grant(&places.solo, &[]) }];
        self.invite(avery, &places.solo, &tomas.email, grants, None).await?;
        let mail = self.mailbox.wait_for_another(&tomas.email, before).await?;
        self.narrator.mail(&mail);
        let token = mail.token()?;
        let resolved = self.open_link(&token).await?;
        self.narrator.check(
            resolved.account_exists,
            "the link knows that Tomas has an account: he signs in instead of registering",
        );
        let request = tomas.says(AcceptInvitationRequest { token, registration: None });
        let accepted = self.api.invitation().accept_invitation(request).await?.into_inner().invitation;
        self.outcomes("Tomas", &accepted.unwrap_or_default());
        let may = (
            self.may(&tomas.user, VIEW, &places.solo).await?,
            self.may(&tomas.user, MANAGE, &places.solo).await?,
        );
        self.narrator.check(
            may == (true, false),
            format!("in Solo Foundry he may `{VIEW}` and not `{MANAGE}`, as the role says"),
        );
        Ok(())
    }

    pub(super) async fn three_at_once(
        &mut self,
        morgan: &Person,
        places: &Places,
    ) -> Result<[Invitee; 3], Unexpected> {
        self.narrator.chapter("Three addresses at once");
        let emails = ["bruno", "carla", "dana"].map(|name| self.email(name, "meadow-clinics"));
        self.narrator
            .tell("Morgan enters three addresses for Meadow Clinics, as guest, separated by commas:");
        self.narrator.tell(format!("  {}", emails.join(",\n     ")));
        let header = ImportHeader {
            parent: places.northwind.community.clone(),
            grants: vec![grant(&places.meadow, &["guest"])],
            request_id: self.request_id(),
            ..ImportHeader::default()
        };
        let request = ImportInvitationsRequest {
            header: Some(header),
            emails: emails.join(", "),
            ..ImportInvitationsRequest::default()
        };
        let requests = morgan.says(tokio_stream::iter([request]));
        let mut answers = self.api.invitation().import_invitations(requests).await?.into_inner();
        let mut invitees = Vec::new();
        while let Some(answer) = answers.message().await? {
            for result in answer.results {
                let Some(Imported::Invitation(invitation)) = result.result else {
                    return Err(Unexpected::new(format!("{} was not invited", result.email)));
                };
                let mail = self.mailbox.wait_for(&result.email).await?;
                self.narrator.check(true, format!("{}: invited, mail \"{}\"", result.email, mail.subject));
                invitees.push(Invitee { email: result.email, invitation, token: mail.token()? });
            }
        }
        invitees.try_into().map_err(|_| Unexpected::new("three results were expected"))
    }

    async fn create_role(&mut self, avery: &Person, place: &Place) -> Result<String, Unexpected> {
        self.narrator.tell(format!(
            "Avery makes the role \"Night watch\" in {} from the permission `{VIEW}`.",
            place.name
        ));
        let role = Role {
            display_name: "Night watch".to_owned(),
            description: "Looks at alerts at night and calls somebody".to_owned(),
            permissions: vec![VIEW.to_owned()],
            ..Role::default()
        };
        let request = CreateRoleRequest {
            parent: place.community.clone(),
            role: Some(role),
            request_id: self.request_id(),
        };
        let answer = self.api.community().create_role(avery.says(request)).await?.into_inner();
        Ok(answer.role.ok_or_else(|| Unexpected::missing("role"))?.name)
    }

    /// What the link offers to whoever opens it.
    async fn open_link(&mut self, token: &str) -> Result<ResolveInvitationTokenResponse, Unexpected> {
        let request = Request::new(ResolveInvitationTokenRequest { token: token.to_owned() });
        let resolved = self.api.invitation().resolve_invitation_token(request).await?.into_inner();
        let offer: &Offer = resolved.offer.as_ref().ok_or_else(|| Unexpected::missing("offer"))?;
        for community in &offer.communities {
            let roles = community.roles.join(", ");
            self.narrator.tell(format!(
                "The link offers: {} as {roles}, from {}.",
                community.display_name, offer.inviter_name
            ));
        }
        Ok(resolved)
    }

    /// Registers through a link and notes the outcomes.
    pub(super) async fn register(
        &mut self,
        name: &'static str,
        email: &str,
        token: String,
    ) -> Result<Person, Unexpected> {
        let (person, accepted) = Person::register(&self.api, &self.random, name, email, token).await?;
        self.outcomes(name, &accepted);
        Ok(person)
    }

    fn outcomes(&mut self, name: &str, accepted: &Invitation) {
        let granted = |grant: &Grant| grant.outcome() == GrantOutcome::Granted;
        let count = accepted.grants.iter().filter(|grant| granted(grant)).count();
        let all = count > 0 && count == accepted.grants.len();
        let memberships =
            if count == 1 { "a member".to_owned() } else { format!("a member of {count} communities") };
        self.narrator.check(all, format!("{name} accepted and is {memberships}"));
    }
}
