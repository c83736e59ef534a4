use usher_api::invitation as pb;
use usher_api::name::CommunityName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Failure, Once, Violations};

use crate::asked::Asked;
use crate::draft::{self, Guest, Terms};
use crate::error::Error;
use crate::policy::{self, Question};
use crate::{Invitation, access, limits, preview};

pub(crate) async fn create_invitation(
    service: &Invitation,
    caller: &Caller,
    request: pb::CreateInvitationRequest,
) -> Result<pb::CreateInvitationResponse, Error> {
    let inviter = caller.actor()?;
    let mut violations = Violations::default();
    let root = violations.check("parent", request.parent.parse::<CommunityName>());
    let asked = Asked::parse(service, "", &request, &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.finish()?;
    let (Some(root), Some(asked)) = (root, asked) else { return Err(Failure::internal("not parsed").into()) };
    if request.validate_only {
        return Ok(preview::answer(preview::of_one(service, caller, root, &asked, "").await?));
    }

    let once = Once::new(&service.sealing, &service.clock, caller, "CreateInvitation", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    let guest = &asked.guest;
    let question = Question {
        root,
        permission: access::CREATE,
        grants: asked.grants.clone(),
        recipients: vec![policy::new_recipient(root, guest.id, &guest.email)],
        reserve: true,
    };
    let judged = policy::judge(service, caller, question).await?;
    let terms =
        judged.require_way(0, &guest.email).and_then(|()| asked.terms(service, root, inviter, &judged, ""));
    let written = match terms {
        Ok(terms) => write(service, &once, &terms, guest).await,
        Err(refusal) => Err(refusal),
    };
    // Neither a refusal nor the answer to an earlier request needs the seat.
    let unused = match &written {
        Ok(answer) => answer.invitation.as_ref().is_none_or(|it| it.uid != guest.id.to_string()),
        Err(error) => error.is_refusal(),
    };
    if unused {
        policy::release(service, root, &[guest.id]).await;
    }
    written
}

async fn write(
    service: &Invitation,
    once: &Once,
    terms: &Terms,
    guest: &Guest,
) -> Result<pb::CreateInvitationResponse, Error> {
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let allowances = limits::take(service, &change, terms.inviter.principal, terms.root, 1).await?;
    let (row, grants) = draft::write(service, &change, terms, guest).await?;
    let invitation = Some(row.to_proto(&grants, service.clock.now()));
    let answer = pb::CreateInvitationResponse { invitation, allowances, preview: None };
    once.commit(change, &answer).await?;
    tracing::info!(invitation = %row.name(), "invitation {} created", row.id);
    Ok(answer)
}
