//! Deliveries become letters: those who know are asked what there is to say when the letters are about to leave, and whether
//! there still is.

use std::collections::{BTreeSet, HashMap};

use futures::future::join_all;
use lettre::Message;
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use usher_api::identity::{GetUserRequest, MintAccountMailRequest, User, UserState};
use usher_api::invitation::mint_result::Result as Minted;
use usher_api::invitation::{
    BatchMintInvitationLinksRequest, DeliveryState, DescribeInvitationRequest, DescribeInvitationResponse,
    InvitationRefusal, MintedLink,
};
use usher_runtime::EmailAddress;

use crate::Notifier;
use crate::entity::delivery::{Kind as DeliveryKind, Model};
use crate::letter::{Draft, Image, Kind, Words};
use crate::mailer::Outcome;
use crate::warrant::{PendingInvitation, lifetime};

/// How many links the invitation service makes at a time.
const MOST_LINKS: usize = 100;

/// A letter, whom it is for, and the invitation that must be pending when it leaves.
pub(crate) struct Letter {
    pub(crate) recipient: EmailAddress,
    pub(crate) message: Message,
    pub(crate) invitation: Option<PendingInvitation>,
}

/// What a letter is made of.
struct Material {
    kind: Kind,
    recipient: String,
    recipient_name: String,
    locale: String,
    words: Words,
    image: Option<Image>,
}

/// Writes the letters of `rows`, or tells what becomes of a delivery instead, in their order.
pub(crate) async fn compose_all(service: &Notifier, rows: &[&Model]) -> Vec<Result<Letter, Outcome>> {
    let links = Links::mint(service, rows).await;
    join_all(rows.iter().map(|row| compose(service, row, &links))).await
}

async fn compose(service: &Notifier, row: &Model, links: &Links) -> Result<Letter, Outcome> {
    let material = match row.kind {
        DeliveryKind::Invitation => invitation(service, row, links, Kind::Invitation).await?,
        DeliveryKind::Reminder => invitation(service, row, links, Kind::Reminder).await?,
        DeliveryKind::Accepted => outcome(service, row, Kind::Accepted).await?,
        DeliveryKind::DeliveryFailed => outcome(service, row, Kind::DeliveryFailed).await?,
        DeliveryKind::Account => account(service, row).await?,
    };
    let recipient: EmailAddress = material
        .recipient
        .parse()
        .map_err(|_| Outcome::Failed("the address cannot be mailed to".to_owned()))?;
    let draft = Draft {
        kind: material.kind,
        message_id: &row.message_id,
        recipient: &recipient,
        recipient_name: &material.recipient_name,
        locale: &material.locale,
        words: &material.words,
        image: material.image,
    };
    let message = service.letters.write(draft, service.clock.now()).map_err(Outcome::Failed)?;
    let invitation = leads_into(row).then(|| PendingInvitation {
        name: row.invitation.clone(),
        until: links.until,
        service: service.invitation.clone(),
    });
    Ok(Letter { recipient, message, invitation })
}

/// Whether the letter holds a link to an invitation.
fn leads_into(row: &Model) -> bool {
    matches!(row.kind, DeliveryKind::Invitation | DeliveryKind::Reminder)
}

/// New links, by the names of the invitations.
struct Links {
    /// Until when mails with them may begin to leave.
    until: Instant,
    minted: HashMap<String, Minted>,
    /// Why some are not there.
    missing: Status,
}

impl Links {
    async fn mint(service: &Notifier, rows: &[&Model]) -> Self {
        let names: BTreeSet<&str> =
            rows.iter().filter(|row| leads_into(row)).map(|row| row.invitation.as_str()).collect();
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let missing = Status::internal("the invitation service answered about others");
        let asked = Instant::now();
        let mut links = Self { until: asked, minted: HashMap::new(), missing };
        for names in names.chunks(MOST_LINKS) {
            let request = BatchMintInvitationLinksRequest { names: names.to_vec() };
            match service.invitation.clone().batch_mint_invitation_links(request).await {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    links.until = asked + lifetime(answer.mail_lifetime);
                    // Each with its name before those are left out that say nothing: no link may come into the mail of another.
                    let results = names.iter().cloned().zip(answer.results);
                    links.minted.extend(results.filter_map(|(name, it)| Some((name, it.result?))));
                }
                Err(status) => links.missing = status,
            }
        }
        links
    }

    fn of(&self, row: &Model) -> Result<&MintedLink, Outcome> {
        match self.minted.get(&row.invitation) {
            Some(Minted::Minted(minted)) => Ok(minted),
            Some(Minted::Failure(refusal)) => Err(without_words("invitation", row, refusal.into())),
            None => Err(without_words("invitation", row, (&self.missing).into())),
        }
    }
}

/// To the guest, with a link of its own, unless the invitation has ended meanwhile.
async fn invitation(service: &Notifier, row: &Model, links: &Links, kind: Kind) -> Result<Material, Outcome> {
    let minted = links.of(row)?;
    let offer = minted.offer.clone().unwrap_or_default();
    let words =
        Words { link: minted.link.clone(), account_exists: minted.account_exists, ..Words::of_offer(&offer) };
    if words.places.is_empty() {
        return Err(Outcome::Skipped("nothing of what was offered is left".to_owned()));
    }
    let image = service.images.of(&offer).await;
    Ok(Material {
        kind,
        image: image.map_err(|status| without_words("community", row, (&status).into()))?,
        recipient: offer.email,
        recipient_name: offer.display_name,
        locale: offer.locale,
        words,
    })
}

/// To the inviter: what became of his invitation.
async fn outcome(service: &Notifier, row: &Model, kind: Kind) -> Result<Material, Outcome> {
    let request = DescribeInvitationRequest { name: row.invitation.clone() };
    let described = service.invitation.clone().describe_invitation(request).await;
    let described =
        described.map_err(|status| without_words("invitation", row, (&status).into()))?.into_inner();
    if kind == Kind::DeliveryFailed && !is_undelivered(&described) {
        return Err(Outcome::Skipped("the invitation was delivered or has ended meanwhile".to_owned()));
    }
    if described.inviter.is_empty() {
        return Err(Outcome::Skipped("a program invited, which reads no mail".to_owned()));
    }
    let inviter = person(service, row, &described.inviter).await?;
    let inviter =
        inviter.ok_or_else(|| Outcome::Skipped("the inviter has no account any more".to_owned()))?;
    let guest_name = match described.invitee.as_str() {
        "" => String::new(),
        name => person(service, row, name).await?.map(|user| user.full_name).unwrap_or_default(),
    };
    let suppressed = described.delivery_state() == DeliveryState::Suppressed;
    let offer = described.offer.unwrap_or_default();
    let words = Words::of_offer(&offer).for_inviter(&inviter.full_name, &guest_name);
    let image = service.images.of(&offer).await;
    Ok(Material {
        kind,
        image: image.map_err(|status| without_words("community", row, (&status).into()))?,
        recipient: inviter.email,
        recipient_name: inviter.full_name,
        locale: inviter.locale,
        words: Words { suppressed, ..words },
    })
}

fn is_undelivered(described: &DescribeInvitationResponse) -> bool {
    described.pending
        && matches!(described.delivery_state(), DeliveryState::Failed | DeliveryState::Suppressed)
}

/// The account, if it can be used.
async fn person(service: &Notifier, row: &Model, name: &str) -> Result<Option<User>, Outcome> {
    let answer = service.identity.clone().get_user(GetUserRequest { name: name.to_owned() }).await;
    match answer {
        Ok(answer) => Ok(answer.into_inner().user.filter(|user| user.state() == UserState::Active)),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(without_words("identity", row, (&status).into())),
    }
}

/// About an account, with a link of its own if it has one, unless nobody needs it any more.
async fn account(service: &Notifier, row: &Model) -> Result<Material, Outcome> {
    let request = MintAccountMailRequest { name: row.mail.clone() };
    let minted = service.identity.clone().mint_account_mail(request).await;
    let minted = minted.map_err(|status| without_words("identity", row, (&status).into()))?.into_inner();
    let kind = Kind::of_account(minted.kind())
        .ok_or_else(|| Outcome::Failed("it is of an unknown kind".to_owned()))?;
    Ok(Material {
        kind,
        words: Words::of_account(&minted),
        recipient: minted.recipient,
        recipient_name: minted.full_name,
        locale: minted.locale,
        image: None,
    })
}

/// Why a service does not tell what to write.
struct Refusal {
    code: Code,
    reason: String,
    message: String,
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let reason = details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
        Self { code: status.code(), reason, message: status.message().to_owned() }
    }
}

impl From<&InvitationRefusal> for Refusal {
    fn from(refusal: &InvitationRefusal) -> Self {
        let InvitationRefusal { code, reason, message, .. } = refusal;
        Self { code: Code::from(*code), reason: reason.clone(), message: message.clone() }
    }
}

/// What becomes of a mail if `service` does not tell what to write.
fn without_words(service: &str, row: &Model, refusal: Refusal) -> Outcome {
    let expired = refusal.reason == "INVITATION_EXPIRED";
    match refusal.code {
        // Nobody got the mail in all that time, and somebody should know.
        Code::FailedPrecondition if expired && row.attempts > 1 => Outcome::Failed(format!(
            "the invitation expired before an attempt succeeded; the last one: {}",
            row.last_error
        )),
        Code::FailedPrecondition | Code::NotFound => Outcome::Skipped(refusal.message),
        code => Outcome::Deferred(format!("the {service} service does not answer: {code:?}")),
    }
}
