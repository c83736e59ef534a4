use std::collections::BTreeSet;
use std::time::Duration;

use sea_orm::entity::prelude::*;
use usher_api::community::Grant;
use usher_api::invitation as pb;
use usher_runtime::fields::update_mask;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Actor, Caller, Change, Failure, Once, Timestamp, Violations};

use crate::acceptance::{begin_change, look_again, settle_first};
use crate::entity::grant;
use crate::entity::invitation::{Column, Model};
use crate::error::Error;
use crate::policy::{self, Judged, Question, require_power};
use crate::words::{display_name, message};
use crate::{Invitation, access, draft, housekeeping, inviter, lifecycle, parse, preview};

const FIELDS: [&str; 4] = ["display_name", "grants", "expire_time", "message"];

/// What is to be different.
#[derive(Default)]
struct Edit {
    display_name: Option<String>,
    grants: Option<Vec<Grant>>,
    expire_time: Option<Timestamp>,
    message: Option<String>,
}

pub(crate) async fn update_invitation(
    service: &Invitation,
    caller: &Caller,
    request: pb::UpdateInvitationRequest,
) -> Result<pb::UpdateInvitationResponse, Error> {
    let editor = caller.actor()?;
    let asked = request.invitation.clone().unwrap_or_default();
    let name = parse::invitation_name("invitation.name", &asked.name)?;
    let (row, grants) = access::find(service, caller, access::UPDATE, name).await?;
    require_power(service, caller, access::UPDATE, name.root, &grants).await?;
    let mut violations = Violations::default();
    let filled = |field: &str| is_filled(&asked, field);
    let mask = update_mask(request.update_mask.as_ref(), &FIELDS, filled, &mut violations);
    let mut edit = Edit::parse(service, &asked, &mask, &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.finish()?;
    if request.validate_only {
        return look(service, caller, &edit, (row, &grants), &asked.etag).await;
    }

    let once = Once::new(&service.sealing, &service.clock, caller, "UpdateInvitation", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    // Whoever is just accepting comes first, and is then no obstacle but the end of it.
    let row = settle_first(service, row).await?;
    row.require_pending(service.clock.now())?;
    let judged = policy::judge(service, caller, edit.question(&row, &grants, true)).await?;
    if let Some(in_the_way) = edit.obstacles(service, &row, &judged)?.into_iter().next() {
        look_again(service, &row).await?.require_pending(service.clock.now())?;
        return Err(in_the_way);
    }
    edit.grants = edit.grants.map(|_| judged.grants);
    let (change, row) = begin_change(service, row).await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    row.require_pending(service.clock.now())?;
    row.require_etag(&asked.etag)?;
    require_unchanged(&change, &row, &grants).await?;
    let (row, grants) = edit.apply(service, &change, row, grants, editor).await?;
    let invitation = Some(row.to_proto(&grants, service.clock.now()));
    let answer = pb::UpdateInvitationResponse { invitation, preview: None };
    once.commit(change, &answer).await?;
    tracing::info!(invitation = %row.name(), "invitation {} updated", row.id);
    Ok(answer)
}

/// What the invitation `found` would become.
async fn look(
    service: &Invitation,
    caller: &Caller,
    edit: &Edit,
    found: (Model, &[grant::Model]),
    etag: &str,
) -> Result<pb::UpdateInvitationResponse, Error> {
    let row = settle_first(service, found.0).await?;
    // Nothing more can be told of what has ended: its address may be gone.
    row.require_pending(service.clock.now())?;
    let mut wrong: Vec<Error> = row.require_etag(etag).err().into_iter().collect();
    let question = edit.question(&row, found.1, false);
    let preview = match preview::judge(service, caller, question).await? {
        Ok(judged) => {
            wrong.extend(edit.obstacles(service, &row, &judged)?);
            let row = edit.would_be(row, caller.actor()?);
            preview::of_known(service, caller, &row, &judged, wrong).await?
        }
        Err(refusals) => preview::refused(wrong, refusals)?,
    };
    Ok(pb::UpdateInvitationResponse { invitation: None, preview: Some(preview) })
}

fn is_filled(asked: &pb::Invitation, field: &str) -> bool {
    match field {
        "display_name" => !asked.display_name.is_empty(),
        "grants" => !asked.grants.is_empty(),
        "message" => !asked.message.is_empty(),
        _ => asked.expire_time.is_some(),
    }
}

/// Refuses if what is offered is not what the caller's authority was judged by.
async fn require_unchanged(change: &Change, row: &Model, judged: &[grant::Model]) -> Result<(), Error> {
    let now = grant::of_invitation(&**change, row.id).await?;
    if now == judged { Ok(()) } else { Err(Failure::ConcurrentChange.into()) }
}

impl Edit {
    fn parse(
        service: &Invitation,
        asked: &pb::Invitation,
        mask: &BTreeSet<&str>,
        violations: &mut Violations,
    ) -> Self {
        let mut edit = Self::default();
        if mask.contains("display_name") {
            let field = "invitation.display_name";
            edit.display_name = Some(display_name(field, &asked.display_name, violations));
        }
        if mask.contains("grants") {
            parse::grants("invitation.grants", &asked.grants, violations);
            edit.grants = Some(asked.grants.clone());
        }
        if mask.contains("expire_time") {
            let (field, now) = ("invitation.expire_time", service.clock.now());
            let moment = parse::expire_time(field, asked.expire_time, now, &service.config, violations);
            edit.expire_time = Some(moment);
        }
        if mask.contains("message") {
            edit.message = Some(message("invitation.message", &asked.message, violations));
        }
        edit
    }

    /// What is offered after the change must be within the caller's authority, whatever changes.
    fn question(&self, row: &Model, grants: &[grant::Model], reserve: bool) -> Question<'static> {
        let unchanged = || grants.iter().map(grant::Model::to_proto).collect();
        Question {
            root: row.name().root,
            permission: access::UPDATE,
            grants: self.grants.clone().unwrap_or_else(unchanged),
            recipients: vec![policy::known_recipient(row)],
            // A community that is new needs a seat. One that is not offered any more gives its own back with the event.
            reserve,
        }
    }

    /// What the communities have against it.
    fn obstacles(&self, service: &Invitation, row: &Model, judged: &Judged) -> Result<Vec<Error>, Failure> {
        let mut obstacles = Vec::new();
        if let Some(Timestamp(end)) = self.expire_time {
            let left = u64::try_from(end - service.clock.now().0).unwrap_or(0);
            let must = "must be ahead by at most";
            let life = judged.require_life("invitation.expire_time", Duration::from_micros(left), must);
            obstacles.extend(life.err().map(Error::Shared));
        }
        // Also words that were allowed where it led before.
        if self.message.is_some() || self.grants.is_some() {
            let words = self.message.as_ref().unwrap_or(&row.message);
            obstacles.extend(judged.require_allowed(words, &service.config).err());
        }
        if self.grants.is_some() {
            obstacles.extend(judged.obstacles(0, &row.email.parse().map_err(Failure::internal)?));
        }
        Ok(obstacles)
    }

    /// The invitation as it would be, but for what it would offer.
    fn would_be(&self, row: Model, editor: Actor) -> Model {
        let inviter = if self.grants.is_some() { editor } else { row.inviter() };
        let inviter::Columns { id, program, on_behalf_of } = inviter.into();
        Model {
            display_name: self.display_name.clone().unwrap_or(row.display_name),
            message: self.message.clone().unwrap_or(row.message),
            expire_time: self.expire_time.unwrap_or(row.expire_time),
            inviter_id: id,
            inviter_program: program,
            on_behalf_of_id: on_behalf_of,
            ..row
        }
    }

    /// Writes what is different. `row` must be locked in `change`.
    async fn apply(
        self,
        service: &Invitation,
        change: &Change,
        row: Model,
        grants: Vec<grant::Model>,
        editor: Actor,
    ) -> Result<(Model, Vec<grant::Model>), Error> {
        let mut values = Vec::new();
        let grants = match self.grants {
            Some(offered) => {
                // It rests on the authority of whoever chose what it offers.
                values.extend(inviter::values(editor));
                draft::offer_instead(service, change, &row, &offered).await?
            }
            None => grants,
        };
        values.extend(self.display_name.map(|name| (Column::DisplayName, Expr::value(name))));
        values.extend(self.message.map(|words| (Column::Message, Expr::value(words))));
        if let Some(moment) = self.expire_time {
            let remind_time = housekeeping::remind_time(service.clock.now(), moment, row.send_count);
            values.push((Column::ExpireTime, Expr::value(moment)));
            values.push((Column::RemindTime, Expr::value(remind_time)));
            values.push((Column::PurgeTime, Expr::value(moment.after(service.config.retention))));
        }
        Ok((lifecycle::update(service, change, &row, values, editor).await?, grants))
    }
}
