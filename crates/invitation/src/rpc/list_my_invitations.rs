use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use usher_api::invitation::{self as pb, InvitationState};
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};

use crate::entity::invitation::{Column, Entity};
use crate::error::Error;
use crate::filter;
use crate::invitee::Invitee;
use crate::{Invitation, offer};

const DEFAULT_PAGE: u64 = 20;
const LARGEST_PAGE: u64 = 100;

pub(crate) async fn list_my_invitations(
    service: &Invitation,
    caller: &Caller,
    request: pb::ListMyInvitationsRequest,
) -> Result<pb::ListMyInvitationsResponse, Error> {
    let mut violations = Violations::default();
    let mut states = filter::states(&request.states, &mut violations);
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    violations.finish()?;
    if states.is_empty() {
        states.push(InvitationState::Pending);
    }
    let invitee = Invitee::of(service, caller).await?;
    invitee.require_verified()?;

    let connection = &*service.database;
    let address = invitee.email.canonical();
    let pages =
        Pages::new(&service.sealing, &service.random, caller, "ListMyInvitations", &(address, &states));
    let before: Option<Uuid> = pages.open(&request.page_token)?;
    let mut rows = Entity::find()
        .filter(Column::EmailCanonical.eq(address))
        .filter(filter::in_states(connection, &states))
        .filter(Condition::all().add_option(before.map(|id| Column::Id.lt(id))))
        .order_by_desc(Column::Id)
        .limit(size + 1)
        .all(connection)
        .await?;
    let next_page_token = pages.cut(&mut rows, size, |row| row.id)?;
    let described = offer::describe_all(service, &rows).await?;
    let now = service.clock.now();
    let shown = rows.into_iter().zip(described).map(|(row, described)| pb::MyInvitation {
        name: row.name().to_string(),
        state: InvitationState::from(row.state_at(now)).into(),
        offer: Some(described.offer),
        create_time: Some(row.create_time.into()),
    });
    Ok(pb::ListMyInvitationsResponse { invitations: shown.collect(), next_page_token })
}
