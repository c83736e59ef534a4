use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use usher_api::invitation as pb;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Actor, Caller, Change, Failure, Once, Violations};

use crate::acceptance::{begin_change, look_again, settle_first};
use crate::entity::grant;
use crate::entity::invitation::{Column, DeliveryState, Entity, Model, State};
use crate::error::Error;
use crate::lifecycle::{self, Fact};
use crate::policy::{self, Judged, Question, require_power};
use crate::{Invitation, access, draft, housekeeping, inviter, limits, parse, preview};

pub(crate) async fn resend_invitation(
    service: &Invitation,
    caller: &Caller,
    request: pb::ResendInvitationRequest,
) -> Result<pb::ResendInvitationResponse, Error> {
    let inviter = caller.actor()?;
    let name = parse::invitation_name("name", &request.name)?;
    let (row, grants) = access::find(service, caller, access::RESEND, name).await?;
    require_power(service, caller, access::RESEND, name.root, &grants).await?;
    let mut violations = Violations::default();
    let ttl = parse::ttl("ttl", request.ttl.as_ref(), &service.config, &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.finish()?;
    if request.validate_only {
        return look(service, caller, &request, (row, &grants), ttl).await;
    }

    let once = Once::new(&service.sealing, &service.clock, caller, "ResendInvitation", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    // Whoever is just accepting comes first, and is then no obstacle but the end of it.
    let row = settle_first(service, row).await?;
    require_resendable(&row)?;
    let judged = policy::judge(service, caller, question(&row, &grants, true)).await?;
    let answer = resend(service, &once, &request, (row.clone(), grants), &judged, (inviter, ttl)).await;
    if answer.as_ref().is_err_and(Error::is_refusal) {
        policy::release_known(service, &row).await;
    }
    answer
}

/// The invitation will rest on the caller's authority, so it must be enough for what is offered.
fn question(row: &Model, grants: &[grant::Model], reserve: bool) -> Question<'static> {
    Question {
        root: row.name().root,
        permission: access::RESEND,
        grants: grants.iter().map(grant::Model::to_proto).collect(),
        recipients: vec![policy::known_recipient(row)],
        reserve,
    }
}

/// What the invitation `found` would become.
async fn look(
    service: &Invitation,
    caller: &Caller,
    request: &pb::ResendInvitationRequest,
    found: (Model, &[grant::Model]),
    ttl: Option<Duration>,
) -> Result<pb::ResendInvitationResponse, Error> {
    let row = settle_first(service, found.0).await?;
    // Nothing more can be told of what has ended for good: its address may be gone.
    require_resendable(&row)?;
    let mut wrong: Vec<Error> = row.require_etag(&request.etag).err().into_iter().collect();
    let preview = match preview::judge(service, caller, question(&row, found.1, false)).await? {
        Ok(judged) => {
            let life = judged.life(ttl, &service.config, "");
            let expire_time =
                service.clock.now().after(*life.as_ref().unwrap_or(&service.config.default_ttl));
            wrong.extend(life.err().map(Error::Shared));
            wrong.extend(judged.require_allowed(&row.message, &service.config).err());
            wrong.extend(judged.obstacles(0, &row.email.parse().map_err(Failure::internal)?));
            let inviter::Columns { id, program, on_behalf_of } = caller.actor()?.into();
            let row = Model {
                inviter_id: id,
                inviter_program: program,
                on_behalf_of_id: on_behalf_of,
                expire_time,
                ..row
            };
            preview::of_known(service, caller, &row, &judged, wrong).await?
        }
        Err(refusals) => preview::refused(wrong, refusals)?,
    };
    Ok(pb::ResendInvitationResponse { invitation: None, preview: Some(preview) })
}

/// Sends what was `found` again, if what was `judged` lets it be sent by this inviter and for so long.
async fn resend(
    service: &Invitation,
    once: &Once,
    request: &pb::ResendInvitationRequest,
    found: (Model, Vec<grant::Model>),
    judged: &Judged,
    asked: (Actor, Option<Duration>),
) -> Result<pb::ResendInvitationResponse, Error> {
    let ((row, grants), (inviter, ttl)) = (found, asked);
    let (email, ttl) =
        (row.email.parse().map_err(Failure::internal)?, judged.life(ttl, &service.config, "")?);
    judged.require_allowed(&row.message, &service.config)?;
    if let Err(in_the_way) = judged.require_way(0, &email) {
        require_resendable(&look_again(service, &row).await?)?;
        return Err(in_the_way);
    }
    let (change, row) = begin_change(service, row).await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    require_resendable(&row)?;
    row.require_etag(&request.etag)?;
    let notify = limits::take_mails(service, &change, &[&email]).await?.first().copied().unwrap_or(false);
    let row = renew(service, &change, &row, inviter, ttl, notify).await?;
    draft::revive(service, &change, &grants, &judged.grants).await?;
    if request.rotate_token {
        lifecycle::forget_tokens(&change, row.id).await?;
    }
    lifecycle::tell(service, &change, &row, Fact::Resent { notify }).await?;
    let invitation = Some(row.to_proto(&grants, service.clock.now()));
    let answer = pb::ResendInvitationResponse { invitation, preview: None };
    once.commit(change, &answer).await?;
    Ok(answer)
}

/// Pending and expired invitations can be sent again; the others have ended for good.
fn require_resendable(row: &Model) -> Result<(), Error> {
    match row.state {
        State::Accepted => return Err(Error::AlreadyAccepted(row.name())),
        State::Revoked => return Err(Error::Revoked(row.name())),
        State::Declined => return Err(Error::Declined(row.name())),
        State::Pending | State::Expired => {}
    }
    if row.purged { Err(Error::Purged(row.name())) } else { Ok(()) }
}

/// Makes the invitation pending again. `row` must be locked in `change`.
async fn renew(
    service: &Invitation,
    change: &Change,
    row: &Model,
    inviter: Actor,
    ttl: Duration,
    notify: bool,
) -> Result<Model, Error> {
    let now = service.clock.now();
    let expire_time = now.after(ttl);
    let purge_time = expire_time.after(service.config.retention);
    let delivery_state = if notify { DeliveryState::Queued } else { DeliveryState::Suppressed };
    let mut renewal = Entity::update_many();
    for (column, value) in inviter::values(inviter) {
        renewal = renewal.col_expr(column, value);
    }
    let renewed = renewal
        .col_expr(Column::State, Expr::value(State::Pending))
        .col_expr(Column::DeliveryState, Expr::value(delivery_state))
        .col_expr(Column::SendCount, Expr::col(Column::SendCount).add(i32::from(notify)))
        .col_expr(Column::ExpireTime, Expr::value(expire_time))
        .col_expr(Column::RemindTime, Expr::value(housekeeping::remind_time(now, expire_time, 1)))
        .col_expr(Column::PurgeTime, Expr::value(purge_time))
        .col_expr(Column::UpdateTime, Expr::value(now))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(row.id))
        .exec_with_returning(&**change)
        .await?;
    Ok(renewed.into_iter().next().ok_or(Failure::ConcurrentChange)?)
}
