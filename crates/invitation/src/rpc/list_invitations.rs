use std::collections::HashMap;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _, Query};
use sea_orm::{QueryOrder as _, QuerySelect as _};
use usher_api::invitation::{self as pb, InvitationState};
use usher_api::name::CommunityName;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, EmailAddress, Failure, Pages, Violations, database};
use uuid::Uuid;

use crate::entity::grant;
use crate::entity::invitation::{Column, Entity, Model, State};
use crate::error::Error;
use crate::{Invitation, access};

const DEFAULT_PAGE: u64 = 50;
const LARGEST_PAGE: u64 = 200;

/// Which invitations are wanted. A page token serves only the same filter.
#[derive(Debug)]
struct Filter {
    root: CommunityName,
    community: Option<CommunityName>,
    states: Vec<InvitationState>,
    email: Option<EmailAddress>,
}

pub(crate) async fn list_invitations(
    service: &Invitation,
    caller: &Caller,
    request: pb::ListInvitationsRequest,
) -> Result<pb::ListInvitationsResponse, Error> {
    let mut violations = Violations::default();
    let filter = Filter::parse(&request, &mut violations);
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    violations.finish()?;
    let Some(filter) = filter else { return Err(Failure::internal("not parsed").into()) };
    access::require(service, caller, access::LIST, filter.community.unwrap_or(filter.root)).await?;

    let pages = Pages::new(&service.sealing, &service.random, caller, "ListInvitations", &filter);
    let before: Option<Uuid> = pages.open(&request.page_token)?;
    let mut rows = Entity::find()
        .filter(filter.condition(&*service.database))
        .filter(Condition::all().add_option(before.map(|id| Column::Id.lt(id))))
        .order_by_desc(Column::Id)
        .limit(size + 1)
        .all(&*service.database)
        .await?;
    let next_page_token = pages.cut(&mut rows, size, |row| row.id)?;
    let invitations = visible(service, caller, &rows).await?;
    Ok(pb::ListInvitationsResponse { invitations, next_page_token })
}

impl Filter {
    fn parse(request: &pb::ListInvitationsRequest, violations: &mut Violations) -> Option<Self> {
        let root = violations.check("parent", request.parent.parse());
        let asked = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let community = asked(&request.community).map(|name| violations.check("community", name.parse()));
        let email = asked(&request.email).map(|email| violations.check("email", email.parse()));
        let mut states = Vec::new();
        for (index, state) in request.states.iter().enumerate() {
            match InvitationState::try_from(*state) {
                Ok(InvitationState::Unspecified) | Err(_) => {
                    violations.add(format!("states[{index}]"), "must be a known state");
                }
                Ok(state) => states.push(state),
            }
        }
        Some(Self { root: root?, community: community.flatten(), states, email: email.flatten() })
    }

    fn condition(&self, connection: &impl sea_orm::ConnectionTrait) -> Condition {
        let states = self.states.iter().map(|state| in_state(connection, *state));
        let states = states
            .fold(None, |any: Option<Condition>, one| Some(any.unwrap_or_else(Condition::any).add(one)));
        let offering = self.community.map(|community| {
            let grants = Query::select()
                .column(grant::Column::InvitationId)
                .from(grant::Entity)
                .and_where(grant::Column::CommunityId.eq(community.0))
                .to_owned();
            Column::Id.in_subquery(grants)
        });
        let email = self.email.as_ref().map(|email| Column::EmailCanonical.eq(email.canonical()));
        Condition::all()
            .add(Column::RootId.eq(self.root.0))
            .add_option(offering)
            .add_option(states)
            .add_option(email)
    }
}

/// What is overdue counts as expired before the sweeper comes by, unless somebody is just accepting it.
fn in_state(connection: &impl sea_orm::ConnectionTrait, state: InvitationState) -> Condition {
    let stored = |state: State| Condition::all().add(Column::State.eq(state));
    let on_time = || {
        Condition::any()
            .add(Expr::col(Column::ExpireTime).gt(database::now(connection)))
            .add(Column::ClaimId.is_not_null())
    };
    match state {
        InvitationState::Pending => stored(State::Pending).add(on_time()),
        InvitationState::Expired => {
            Condition::any().add(stored(State::Expired)).add(stored(State::Pending).add(on_time().not()))
        }
        InvitationState::Accepted => stored(State::Accepted),
        InvitationState::Revoked => stored(State::Revoked),
        InvitationState::Declined => stored(State::Declined),
        InvitationState::Unspecified => Condition::any(),
    }
}

/// The resources, with those grants that the caller may see.
async fn visible(
    service: &Invitation,
    caller: &Caller,
    rows: &[Model],
) -> Result<Vec<pb::Invitation>, Error> {
    let grants = grant::Entity::find()
        .filter(grant::Column::InvitationId.is_in(rows.iter().map(|row| row.id)))
        .order_by_asc(grant::Column::Position)
        .all(&*service.database)
        .await?;
    let communities = grants.iter().map(|grant| CommunityName(grant.community_id));
    let seen = access::communities_with(service, caller, access::LIST, communities).await?;
    let mut by_invitation: HashMap<Uuid, Vec<grant::Model>> = HashMap::new();
    for grant in grants.into_iter().filter(|grant| seen.contains(&CommunityName(grant.community_id))) {
        by_invitation.entry(grant.invitation_id).or_default().push(grant);
    }
    let now = service.clock.now();
    let resource = |row: &Model| row.to_proto(by_invitation.get(&row.id).map_or(&[], Vec::as_slice), now);
    Ok(rows.iter().map(resource).collect())
}
