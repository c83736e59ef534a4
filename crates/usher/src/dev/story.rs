//! The story: from nothing to a suite in which people were invited, accepted, and every service can ask what they may do.

mod guests;
mod refusals;
mod setting;

use std::fmt;
use std::time::Duration;

use tonic::Status;
use usher_api::community::{CheckAccessRequest, Grant};
use usher_api::invitation::{CreateInvitationRequest, Invitation};
use usher_runtime::{Clock, Random};

use super::api::{Api, refusal};
use super::mailbox::{Mail, Mailbox};
use super::narrator::Narrator;
use super::people::{Credentials, Person};
use super::table::Table;

/// What the story is told with.
pub struct Story {
    /// The suite.
    pub api: Api,
    /// The mails that it sends.
    pub mailbox: Mailbox,
    /// The terminal.
    pub narrator: Narrator,
    /// Passwords and request ids.
    pub random: Random,
    /// Part of every address, so that the story can be told again on the same data.
    pub tag: String,
}

/// A community of the story.
#[derive(Clone)]
pub struct Place {
    /// Its display name.
    pub name: &'static str,
    /// `communities/{community}`.
    pub community: String,
}

/// What the story leaves behind for calls by hand.
pub struct Ending {
    /// Somebody.
    pub user: String,
    /// Some community where he may do something.
    pub community: String,
}

/// Something that the story did not expect.
#[derive(Debug)]
pub struct Unexpected(String);

/// The internal service of the story, which asks what people may do.
pub const ALERTING: &str = "alerting";
/// A permission that it registers.
pub const MANAGE: &str = "alerts.manage";
const VIEW: &str = "alerts.view";
const INVITE: &str = "invitations.create";

impl Story {
    /// Tells the story.
    ///
    /// # Errors
    /// If any step came to another result than it should.
    pub async fn tell(&mut self, admin: &Credentials) -> Result<Ending, Unexpected> {
        self.narrator.title(
            "Usher: people are invited by e-mail into communities, and every service asks what they may do",
        );
        self.narrator.tell("Each step below is a gRPC call over TCP to the server in this process.");
        let told = self.tell_chapters(admin).await;
        if let Err(unexpected) = &told {
            self.narrator.check(false, unexpected);
        }
        self.narrator.tell("");
        let unexpected = self.narrator.unexpected();
        if unexpected > 0 {
            let what = format!("the story did not go as it should: look for ✗ above ({unexpected})");
            self.narrator.tell(&what);
            return Err(Unexpected::new(what));
        }
        self.narrator.tell("Everything went as it should.");
        told
    }

    async fn tell_chapters(&mut self, admin: &Credentials) -> Result<Ending, Unexpected> {
        let avery = self.platform_admin(admin).await?;
        self.permissions().await?;
        let places = self.communities(&avery).await?;
        let morgan = self.member_manager(&avery, &places).await?;
        let ines = self.guest_of_the_main_community(&morgan, &places).await?;
        let quayside = self.later_community(&avery, &ines, &places).await?;
        let tomas = self.guest_of_two_communities(&morgan, &places).await?;
        self.custom_role_for_an_existing_account(&avery, &tomas, &places).await?;
        let imported = self.three_at_once(&morgan, &places).await?;
        let bruno = self.refusals(&morgan, &ines, &tomas, imported, &places).await?;

        let ending = Ending { user: ines.user.clone(), community: places.alpine.community.clone() };
        let table = Table {
            people: [avery, morgan, ines, tomas, bruno],
            places: [places.northwind, places.alpine, places.harbour, places.meadow, quayside, places.solo],
            permissions: [VIEW, MANAGE, INVITE],
        };
        self.table(&table).await?;
        Ok(ending)
    }

    async fn table(&mut self, table: &Table) -> Result<(), Unexpected> {
        const EXPECTED: [[&str; 6]; 5] = [
            ["vmi", "vmi", "vmi", "vmi", "vmi", "vmi"],
            ["vmi", "vmi", "vmi", "vmi", "vmi", ""],
            ["vm", "vm", "vm", "vm", "vm", ""],
            ["", "vm", "v", "", "", "v"],
            ["", "", "", "v", "", ""],
        ];
        self.narrator.chapter("Who may do what, where");
        self.narrator.tell(format!("The service `{ALERTING}` asks CheckAccess for every cell."));
        let found = table.ask(&self.api, ALERTING).await?;
        for line in table.lines(&found, &self.narrator) {
            self.narrator.tell(line);
        }
        let expected = |person: usize, place: usize, permission: usize| {
            EXPECTED[person][place].contains(["v", "m", "i"][permission])
        };
        self.narrator.check(found.agree(expected), "every cell is as the invitations say");
        Ok(())
    }

    /// An address of this telling.
    fn email(&self, name: &str, domain: &str) -> String {
        format!("{name}.{}@{domain}.example", self.tag)
    }

    fn request_id(&self) -> String {
        self.random.uuid(Clock::system().now()).to_string()
    }

    /// Invites `email` into the tree of `root`. The refusal, if there is one, is for the caller to judge.
    async fn invite(
        &self,
        by: &Person,
        root: &Place,
        email: &str,
        grants: Vec<Grant>,
        ttl: Option<Duration>,
    ) -> Result<Invitation, Status> {
        let request = CreateInvitationRequest {
            parent: root.community.clone(),
            invitation: Some(Invitation { email: email.to_owned(), grants, ..Invitation::default() }),
            ttl: ttl.and_then(|ttl| ttl.try_into().ok()),
            notify: None,
            request_id: self.request_id(),
            validate_only: false,
        };
        let answer = self.api.invitation().create_invitation(by.says(request)).await?;
        Ok(answer.into_inner().invitation.unwrap_or_default())
    }

    /// Waits for the mail to `email` and shows it.
    async fn show_mail(&self, email: &str) -> Result<Mail, Unexpected> {
        let mail = self.mailbox.wait_for(email).await?;
        self.narrator.mail(&mail);
        Ok(mail)
    }

    /// Whether `user` may use `permission` in `place`, as the internal service learns it.
    async fn may(&self, user: &str, permission: &str, place: &Place) -> Result<bool, Unexpected> {
        let request = CheckAccessRequest {
            user: user.to_owned(),
            community: place.community.clone(),
            permission: permission.to_owned(),
            ..CheckAccessRequest::default()
        };
        let request = self.api.as_service(ALERTING, request)?;
        Ok(self.api.community().check_access(request).await?.into_inner().allowed)
    }

    /// Those of `places` where `user` may use `permission`.
    async fn where_may(
        &self,
        user: &str,
        permission: &str,
        places: &[&Place],
    ) -> Result<Vec<&'static str>, Unexpected> {
        let mut names = Vec::new();
        for place in places {
            if self.may(user, permission, place).await? {
                names.push(place.name);
            }
        }
        Ok(names)
    }

    /// Notes that a call was refused for `reason`, or that it was not.
    fn refused<T>(&mut self, result: Result<T, Status>, reason: &str) {
        match result {
            Ok(_) => self.narrator.check(false, format!("this should have been refused as {reason}")),
            Err(status) => {
                let found = refusal(&status);
                self.narrator.check(found == reason, format!("refused as {found}: {}", status.message()));
            }
        }
    }
}

/// An offer of `roles` in `place`, reaching as far as its kind of community lets roles reach.
fn grant(place: &Place, roles: &[&str]) -> Grant {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    Grant { community: place.community.clone(), roles, ..Grant::default() }
}

impl Unexpected {
    /// What it was.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// An answer lacked a field.
    pub fn missing(field: &str) -> Self {
        Self(format!("the answer has no {field}"))
    }
}

impl From<Status> for Unexpected {
    fn from(status: Status) -> Self {
        Self(format!("unexpected answer {}: {}", refusal(&status), status.message()))
    }
}

impl fmt::Display for Unexpected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
