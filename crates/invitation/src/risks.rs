//! What may be wrong with invitations that wait.
//!
//! What this service knows is a condition of the list. What hangs on roles, memberships, keys and the catalogue the community service
//! is asked about, when a page is wanted and of each invitation that may be on it. It is not noted here beforehand: all of these change
//! without a word to the invitations that rest on them, some by the clock alone, and a note would say what was.

use std::collections::HashMap;
use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _};
use sea_orm::{ConnectionTrait, QuerySelect as _};
use usher_api::community::{AssessGrantsRequest, GrantsAssessment, OfferedGrants};
use usher_api::invitation::InvitationRisk;
use usher_api::name::CommunityName;
use usher_runtime::clock::micros;
use usher_runtime::{Caller, Failure, Timestamp, database};

use crate::entity::grant;
use crate::entity::invitation::{Column, Entity, Model};
use crate::error::Error;
use crate::filter::Filter;
use crate::{Invitation, access};

/// How long before its end an invitation is near it.
const NEAR: Duration = Duration::from_hours(48);
/// How many invitations the community service is asked about at once, and how many grants. It takes no more.
const PIECE: u64 = 200;
const MOST_GRANTS: usize = 1_000;
/// How many invitations one call looks at.
const MOST_LOOKED_AT: usize = 1_000;

/// The risks that are asked for: at least one must be there. All are wanted if there are none.
#[derive(Debug, Default)]
pub(crate) struct Risks(pub(crate) Vec<InvitationRisk>);

impl Risks {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether each invitation must be looked at.
    fn need_looking(&self) -> bool {
        let judged = |risk: &InvitationRisk| match risk {
            InvitationRisk::PrivilegedRoles
            | InvitationRisk::InviterInactive
            | InvitationRisk::RoleChanged => true,
            InvitationRisk::NeverDelivered | InvitationRisk::NearExpiry | InvitationRisk::Unspecified => {
                false
            }
        };
        self.0.iter().any(judged)
    }

    /// Holds for those that are at risk, or among which they are sought. None if that are all that are pending.
    pub(crate) fn condition(&self, connection: &impl ConnectionTrait) -> Option<Condition> {
        if self.is_empty() || self.need_looking() {
            return None;
        }
        let soon = || database::now(connection).add(micros(NEAR));
        let mut any = Condition::any();
        for risk in &self.0 {
            any = match risk {
                InvitationRisk::NeverDelivered => any.add(Column::LastSendTime.is_null()),
                InvitationRisk::NearExpiry => any.add(Expr::col((Entity, Column::ExpireTime)).lte(soon())),
                InvitationRisk::PrivilegedRoles
                | InvitationRisk::InviterInactive
                | InvitationRisk::RoleChanged
                | InvitationRisk::Unspecified => any,
            };
        }
        Some(any)
    }

    fn show(&self, row: &Model, found: GrantsAssessment, now: Timestamp) -> bool {
        self.0.iter().any(|risk| match risk {
            InvitationRisk::NeverDelivered => row.last_send_time.is_none(),
            InvitationRisk::NearExpiry => row.expire_time <= now.after(NEAR),
            InvitationRisk::PrivilegedRoles => found.privileged,
            InvitationRisk::InviterInactive => found.inviter_inactive,
            InvitationRisk::RoleChanged => found.role_changed,
            InvitationRisk::Unspecified => false,
        })
    }
}

/// A page of invitations.
pub(crate) struct Found<C> {
    pub(crate) rows: Vec<Model>,
    /// After which the next page begins. None on the last.
    pub(crate) last: Option<C>,
}

/// Whoever wants to find invitations, and by which permission he sees what they offer.
pub(crate) struct Seeker<'a> {
    pub(crate) service: &'a Invitation,
    pub(crate) caller: &'a Caller,
    pub(crate) permission: &'static str,
    pub(crate) root: CommunityName,
}

impl Seeker<'_> {
    /// The first `size` invitations after `after` that `filter` wants, in the order of what `beyond` tells to follow a place. Fewer, if as many as one call looks at were looked at before.
    pub(crate) async fn find<C>(
        &self,
        filter: &Filter,
        size: u64,
        after: Option<C>,
        beyond: impl Fn(Option<&C>) -> Select<Entity>,
        place: impl Fn(&Model) -> C,
    ) -> Result<Found<C>, Error> {
        let need_looking = filter.risks.need_looking();
        // One more than the page, to know whether there is another.
        let piece_size = if need_looking { PIECE } else { size.saturating_add(1) };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let (mut rows, mut last, mut looked_at) = (Vec::new(), after, 0);
        loop {
            let piece = beyond(last.as_ref()).limit(piece_size).all(&*self.service.database).await?;
            let is_end = (piece.len() as u64) < piece_size;
            looked_at += piece.len();
            last = piece.last().map(&place).or(last);
            let wanted = if need_looking { self.at_risk(filter, piece).await? } else { piece };
            rows.extend(wanted);
            if rows.len() > size {
                rows.truncate(size);
                let last = rows.last().map(&place);
                return Ok(Found { rows, last });
            }
            if is_end {
                return Ok(Found { rows, last: None });
            }
            if looked_at >= MOST_LOOKED_AT {
                return Ok(Found { rows, last });
            }
        }
    }

    /// Those of `rows` that are at one of the risks, by what the caller sees of them.
    async fn at_risk(&self, filter: &Filter, mut rows: Vec<Model>) -> Result<Vec<Model>, Error> {
        let mut grants =
            grant::of_invitations(&*self.service.database, rows.iter().map(|row| row.id)).await?;
        let places = grants.values().flatten().map(|grant| CommunityName(grant.community_id));
        let seen = access::communities_with(self.service, self.caller, self.permission, places).await?;
        for grants in grants.values_mut() {
            grants.retain(|grant| seen.contains(&CommunityName(grant.community_id)));
        }
        let mut found = self.assess(&rows, &grants).await?;
        let now = self.service.clock.now();
        rows.retain(|row| filter.risks.show(row, found.remove(&row.id).unwrap_or_default(), now));
        Ok(rows)
    }

    /// What the community service finds, for each invitation of which something is seen.
    async fn assess(
        &self,
        rows: &[Model],
        grants: &HashMap<Uuid, Vec<grant::Model>>,
    ) -> Result<HashMap<Uuid, GrantsAssessment>, Error> {
        let mut found = HashMap::new();
        let mut asked: Vec<(Uuid, OfferedGrants)> = Vec::new();
        let mut number = 0;
        for row in rows {
            let Some(seen) = grants.get(&row.id).filter(|seen| !seen.is_empty()) else { continue };
            if number + seen.len() > MOST_GRANTS {
                found.extend(self.ask(std::mem::take(&mut asked)).await?);
                number = 0;
            }
            number += seen.len();
            asked.push((row.id, offered(row, seen)));
        }
        if !asked.is_empty() {
            found.extend(self.ask(asked).await?);
        }
        Ok(found)
    }

    async fn ask(&self, asked: Vec<(Uuid, OfferedGrants)>) -> Result<Vec<(Uuid, GrantsAssessment)>, Failure> {
        let (ids, offers): (Vec<Uuid>, Vec<OfferedGrants>) = asked.into_iter().unzip();
        let request = AssessGrantsRequest { root: self.root.to_string(), offers };
        let answer = self.service.community.clone().assess_grants(request).await;
        let answer = answer.map_err(|status| Failure::from_neighbour("community", status))?.into_inner();
        Ok(ids.into_iter().zip(answer.assessments).collect())
    }
}

fn offered(row: &Model, grants: &[grant::Model]) -> OfferedGrants {
    let inviter = row.inviter();
    OfferedGrants {
        inviter: inviter.principal.to_string(),
        on_behalf_of: inviter.on_behalf_of.map(|user| user.to_string()).unwrap_or_default(),
        grants: grants.iter().map(grant::Model::to_offer).collect(),
    }
}
