//! A delivery becomes a letter: those who know are asked what there is to say when the letter is about to leave, and whether
//! there still is.

use lettre::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use usher_api::identity::{GetUserRequest, MintAccountMailRequest, User, UserState};
use usher_api::invitation::{
    DeliveryState, DescribeInvitationRequest, DescribeInvitationResponse, MintInvitationLinkRequest,
};
use usher_runtime::EmailAddress;

use crate::Notifier;
use crate::entity::delivery::{Kind as DeliveryKind, Model};
use crate::letter::{Draft, Image, Kind, Words};
use crate::mailer::Outcome;

/// A letter, and whom it is for.
pub(crate) struct Letter {
    pub(crate) recipient: EmailAddress,
    pub(crate) message: Message,
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

/// Writes the letter of `row`.
///
/// # Errors
/// What becomes of the delivery instead.
pub(crate) async fn compose(service: &Notifier, row: &Model) -> Result<Letter, Outcome> {
    let material = match row.kind {
        DeliveryKind::Invitation => invitation(service, row, Kind::Invitation).await?,
        DeliveryKind::Reminder => invitation(service, row, Kind::Reminder).await?,
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
    Ok(Letter { recipient, message })
}

/// To the guest, with a link of its own, unless the invitation has ended meanwhile.
async fn invitation(service: &Notifier, row: &Model, kind: Kind) -> Result<Material, Outcome> {
    let request = MintInvitationLinkRequest { name: row.invitation.clone() };
    let minted = service.invitation.clone().mint_invitation_link(request).await;
    let minted = minted.map_err(|status| without_words("invitation", row, &status))?.into_inner();
    let offer = minted.offer.unwrap_or_default();
    let words = Words { link: minted.link, account_exists: minted.account_exists, ..Words::of_offer(&offer) };
    if words.places.is_empty() {
        return Err(Outcome::Skipped("nothing of what was offered is left".to_owned()));
    }
    Ok(Material {
        kind,
        recipient: offer.email,
        recipient_name: offer.display_name,
        locale: offer.locale,
        words,
        image: Image::new(&minted.image_media_type, minted.image),
    })
}

/// To the inviter: what became of his invitation.
async fn outcome(service: &Notifier, row: &Model, kind: Kind) -> Result<Material, Outcome> {
    let request = DescribeInvitationRequest { name: row.invitation.clone() };
    let described = service.invitation.clone().describe_invitation(request).await;
    let described = described.map_err(|status| without_words("invitation", row, &status))?.into_inner();
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
    let words =
        Words::of_offer(&described.offer.unwrap_or_default()).for_inviter(&inviter.full_name, &guest_name);
    Ok(Material {
        kind,
        recipient: inviter.email,
        recipient_name: inviter.full_name,
        locale: inviter.locale,
        words: Words { suppressed, ..words },
        image: Image::new(&described.image_media_type, described.image),
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
        Err(status) => Err(without_words("identity", row, &status)),
    }
}

/// About an account, with a link of its own if it has one, unless nobody needs it any more.
async fn account(service: &Notifier, row: &Model) -> Result<Material, Outcome> {
    let request = MintAccountMailRequest { name: row.mail.clone() };
    let minted = service.identity.clone().mint_account_mail(request).await;
    let minted = minted.map_err(|status| without_words("identity", row, &status))?.into_inner();
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

/// What becomes of a mail if `service` does not tell what to write.
fn without_words(service: &str, row: &Model, status: &Status) -> Outcome {
    let expired =
        status.get_error_details().error_info().is_some_and(|info| info.reason == "INVITATION_EXPIRED");
    match status.code() {
        // Nobody got the mail in all that time, and somebody should know.
        Code::FailedPrecondition if expired && row.attempts > 1 => Outcome::Failed(format!(
            "the invitation expired before an attempt succeeded; the last one: {}",
            row.last_error
        )),
        Code::FailedPrecondition | Code::NotFound => Outcome::Skipped(status.message().to_owned()),
        code => Outcome::Deferred(format!("the {service} service does not answer: {code:?}")),
    }
}
