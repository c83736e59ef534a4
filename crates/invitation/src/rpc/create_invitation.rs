use usher_api::community::{CheckGrantsRequest, Grant};
use usher_api::invitation as pb;
use usher_api::name::CommunityName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Failure, Once, Violations};

use crate::draft::Terms;
use crate::entity::grant;
use crate::error::Error;
use crate::{Invitation, access, parse};

/// How long the name by which a mail addresses a person may be.
pub(super) const DISPLAY_NAME_LENGTH: std::ops::RangeInclusive<usize> = 0..=200;

pub(crate) async fn create_invitation(
    service: &Invitation,
    caller: &Caller,
    request: pb::CreateInvitationRequest,
) -> Result<pb::CreateInvitationResponse, Error> {
    let inviter = caller.person()?.user;
    let mut violations = Violations::default();
    let asked = request.invitation.clone().unwrap_or_default();
    let root = violations.check("parent", request.parent.parse::<CommunityName>());
    let email = violations.check("invitation.email", asked.email.parse());
    let display_name = violations.text("invitation.display_name", &asked.display_name, DISPLAY_NAME_LENGTH);
    parse::grants("invitation.grants", &asked.grants, &mut violations);
    let ttl = parse::ttl(request.ttl.as_ref(), &service.config, &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.finish()?;
    let (Some(root), Some(email)) = (root, email) else { return Err(Failure::internal("not parsed").into()) };

    let once = Once::new(&service.sealing, &service.clock, caller, "CreateInvitation", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    let grants = check_grants(service, caller, root, access::CREATE, asked.grants).await?;
    let terms = Terms { root, grants, inviter, ttl, notify: request.notify.unwrap_or(true) };

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let (row, grants) = terms.write(service, &change, &email, &display_name).await?;
    let invitation = Some(row.to_proto(&grants, service.clock.now()));
    let answer = pb::CreateInvitationResponse { invitation };
    once.commit(change, &answer).await?;
    tracing::info!(invitation = %row.name(), "invitation {} created", row.id);
    Ok(answer)
}

/// Has the community service judge whether the calling person may offer `grants`, and returns them in their full form.
pub(super) async fn check_grants(
    service: &Invitation,
    caller: &Caller,
    root: CommunityName,
    permission: &str,
    grants: Vec<Grant>,
) -> Result<Vec<Grant>, Failure> {
    let question = CheckGrantsRequest { root: root.to_string(), grants, permission: permission.to_owned() };
    let answer = service.community.clone().check_grants(caller.forward(question)).await;
    Ok(answer.map_err(|status| Failure::from_neighbour("community", status))?.into_inner().grants)
}

/// Refuses who lacks `permission` over what is offered. Who might act if a community were not stopped learns that it is.
pub(super) async fn require_power(
    service: &Invitation,
    caller: &Caller,
    permission: &str,
    root: CommunityName,
    grants: &[grant::Model],
) -> Result<(), Failure> {
    let Err(refusal) = access::require_in_all(service, caller, permission, grants).await else {
        return Ok(());
    };
    let offered = grants.iter().map(grant::Model::to_proto).collect();
    check_grants(service, caller, root, permission, offered).await?;
    Err(refusal)
}
