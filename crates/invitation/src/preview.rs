//! What an invitation would be, or become, without writing it: the answer to `validate_only`.

use usher_api::community::{Grant, GrantTerms};
use usher_api::invitation::{self as pb, GrantPreview, InvitationPreview, InvitationRefusal, MailPreview};
use usher_api::name::CommunityName;
use usher_runtime::{Caller, Failure};

use crate::asked::Asked;
use crate::draft::{self, Guest, Terms};
use crate::entity::{grant, invitation};
use crate::error::Error;
use crate::policy::{self, Judged, Question};
use crate::{Invitation, access, limits, offer, refusal};

/// The template of the notifier that the mail is written by.
const TEMPLATE: &str = "invitation";

/// What would become of `asked`: everything it would give, the mail, and each refusal.
///
/// # Errors
/// Want of authority, of which nothing else may be told; what is no refusal.
pub(crate) async fn of_one(
    service: &Invitation,
    caller: &Caller,
    root: CommunityName,
    asked: &Asked,
    prefix: &str,
) -> Result<InvitationPreview, Error> {
    let inviter = caller.actor()?;
    let question = Question {
        root,
        permission: access::CREATE,
        grants: asked.grants.clone(),
        recipients: vec![policy::new_recipient(root, asked.guest.id, &asked.guest.email)],
        reserve: false,
    };
    let judged = match judge(service, caller, question).await? {
        Ok(judged) => judged,
        Err(refusals) => return Ok(InvitationPreview { refusals, ..InvitationPreview::default() }),
    };
    let mut refusals = Vec::new();
    let (terms, wrong) = asked.terms_and_refusals(service, root, inviter, &judged, prefix);
    for error in judged.obstacles(0, &asked.guest.email).into_iter().chain(wrong) {
        refusals.push(refusal::tell(error)?);
    }
    if let Some(error) = draft::look(service, &terms, &asked.guest).await? {
        refusals.push(refusal::tell(error)?);
    }
    let allowances = limits::left(service, &*service.database, inviter.principal, root).await?;
    let mut preview = base(service, &terms, &judged, &asked.guest).await?;
    address(service, &mut preview, &terms, asked).await?;
    Ok(InvitationPreview { refusals, allowances, ..preview })
}

/// What the community service says, or everything that is wrong with what is offered.
///
/// # Errors
/// As [`of_one`].
pub(crate) async fn judge(
    service: &Invitation,
    caller: &Caller,
    question: Question<'_>,
) -> Result<Result<Judged, Vec<InvitationRefusal>>, Error> {
    let grants = question.grants.clone();
    let first = match policy::judge(service, caller, question.clone()).await {
        Ok(judged) => return Ok(Ok(judged)),
        Err(failure) => told(failure)?,
    };
    let mut refusals = Vec::new();
    // Each grant by itself, to tell what is wrong with each.
    for grant in grants {
        let alone = Question { grants: vec![grant], ..question.clone() };
        if let Err(failure) = policy::judge(service, caller, alone).await {
            refusals.push(told(failure)?);
        }
    }
    if refusals.is_empty() {
        refusals.push(first);
    }
    Ok(Err(refusals))
}

/// What cannot be done at all: `wrong` is what stands in its way besides.
pub(crate) fn refused(
    wrong: Vec<Error>,
    mut refusals: Vec<InvitationRefusal>,
) -> Result<InvitationPreview, Error> {
    for (place, error) in wrong.into_iter().enumerate() {
        refusals.insert(place, refusal::tell(error)?);
    }
    Ok(InvitationPreview { refusals, ..InvitationPreview::default() })
}

/// What an invitation that is there would become: `row` as it would be, `judged` as what it would offer was, and `wrong` with it
/// what is. One whose mail the person would not get has none.
pub(crate) async fn of_known(
    service: &Invitation,
    caller: &Caller,
    row: &invitation::Model,
    judged: &Judged,
    wrong: Vec<Error>,
) -> Result<InvitationPreview, Error> {
    let grants = draft::grant_rows(row.id, &row.email_canonical, &judged.grants)?;
    let pending = draft::look_beside(service, row.name().root, &grants).await?;
    let mut refusals = Vec::new();
    for error in wrong.into_iter().chain(pending) {
        refusals.push(refusal::tell(error)?);
    }
    let email = row.email.parse().map_err(Failure::internal)?;
    let mailed = limits::may_mail(service, &email).await?;
    let inviter = caller.actor()?.principal;
    let allowances = limits::left(service, &*service.database, inviter, row.name().root).await?;
    let preview = describe(service, row, &grants, judged, mailed).await?;
    Ok(InvitationPreview { refusals, allowances, ..preview })
}

/// The refusal, unless it is one for want of authority.
fn told(failure: Failure) -> Result<InvitationRefusal, Error> {
    if let Failure::Refused(status) = &failure {
        let copy = Failure::Refused(status.clone());
        let refusal = refusal::tell(copy.into())?;
        return if refusal::denies(&refusal) { Err(failure.into()) } else { Ok(refusal) };
    }
    refusal::tell(failure.into())
}

/// What is the same for all who are offered the same.
pub(crate) async fn base(
    service: &Invitation,
    terms: &Terms,
    judged: &Judged,
    guest: &Guest,
) -> Result<InvitationPreview, Error> {
    let (row, grants) = terms.unwritten(service, guest)?;
    describe(service, &row, &grants, judged, terms.notify).await
}

async fn describe(
    service: &Invitation,
    row: &invitation::Model,
    grants: &[grant::Model],
    judged: &Judged,
    mailed: bool,
) -> Result<InvitationPreview, Error> {
    let offer = offer::describe(service, row, grants).await?;
    let names = offer.communities.iter().map(|community| community.display_name.as_str());
    let shown = judged.grants.iter().zip(&judged.terms).zip(names);
    Ok(InvitationPreview {
        grants: shown.map(|((grant, terms), name)| of_grant(grant, terms, name)).collect(),
        expire_time: offer.expire_time,
        mail: mailed.then(|| MailPreview { template: TEMPLATE.to_owned(), offer: Some(offer) }),
        ..InvitationPreview::default()
    })
}

fn of_grant(grant: &Grant, terms: &GrantTerms, display_name: &str) -> GrantPreview {
    GrantPreview {
        grant: Some(grant.clone()),
        display_name: display_name.to_owned(),
        permissions: terms.permissions.clone(),
        seat_limit: terms.seat_limit,
        seats_taken: terms.seats_taken,
    }
}

/// Makes the mail one to the guest of `asked`. There is none if he had enough of them.
pub(crate) async fn address(
    service: &Invitation,
    preview: &mut InvitationPreview,
    terms: &Terms,
    asked: &Asked,
) -> Result<(), Error> {
    if terms.notify && !limits::may_mail(service, &asked.guest.email).await? {
        preview.mail = None;
    }
    if let Some(offer) = preview.mail.as_mut().and_then(|mail| mail.offer.as_mut()) {
        asked.guest.email.typed().clone_into(&mut offer.email);
        offer.display_name.clone_from(&asked.guest.display_name);
    }
    Ok(())
}

/// The answer to a request that was only to be looked at.
pub(crate) fn answer(preview: InvitationPreview) -> pb::CreateInvitationResponse {
    pb::CreateInvitationResponse { preview: Some(preview), ..pb::CreateInvitationResponse::default() }
}
