use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use usher_api::invitation as pb;
use usher_api::name::{CommunityName, InvitationName};
use usher_runtime::keyset::{Cursor, Direction, Key};
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Failure, Pages, Timestamp, Violations};

use crate::entity::acceptance::{Column, Entity, Model};
use crate::entity::{grant, invitation};
use crate::error::Error;
use crate::{Invitation, access};

const DEFAULT_PAGE: u64 = 100;
const LARGEST_PAGE: u64 = 1_000;

/// Which are wanted. A page token serves only the same filter.
#[derive(Debug)]
struct Filter {
    root: CommunityName,
    invitation: Option<InvitationName>,
    from: Option<Timestamp>,
    before: Option<Timestamp>,
}

pub(crate) async fn list_acceptances(
    service: &Invitation,
    caller: &Caller,
    request: pb::ListAcceptancesRequest,
) -> Result<pb::ListAcceptancesResponse, Error> {
    let mut violations = Violations::default();
    let filter = Filter::parse(&request, &mut violations);
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    violations.finish()?;
    let Some(filter) = filter else { return Err(Failure::internal("not parsed").into()) };
    access::require(service, caller, access::LIST_ACCEPTANCES, filter.root).await?;

    let pages = Pages::new(&service.sealing, &service.random, caller, "ListAcceptances", &filter);
    let cursor: Option<Cursor> = pages.open(&request.page_token)?;
    let connection = &*service.database;
    let mut rows = Entity::find()
        .filter(filter.condition())
        .filter(Condition::all().add_option(cursor.map(|cursor| following(&cursor))))
        .order_by_asc(Column::AcceptTime)
        .order_by_asc(Column::InvitationId)
        .limit(size + 1)
        .all(connection)
        .await?;
    let next_page_token = pages.cut(&mut rows, size, cursor_of)?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.invitation_id).collect();
    let invitations = invitation::Entity::find()
        .filter(invitation::Column::Id.is_in(ids.iter().copied()))
        .all(connection)
        .await?;
    let grants = grant::Entity::find()
        .filter(grant::Column::InvitationId.is_in(ids))
        .order_by_asc(grant::Column::Position)
        .all(connection)
        .await?;
    let resource = |row: &Model| {
        let accepted = invitations.iter().find(|other| other.id == row.invitation_id);
        let given = grants.iter().filter(|grant| grant.invitation_id == row.invitation_id);
        row.to_proto(accepted, given)
    };
    Ok(pb::ListAcceptancesResponse { acceptances: rows.iter().map(resource).collect(), next_page_token })
}

fn cursor_of(row: &Model) -> Cursor {
    (Key::Time(row.accept_time.unwrap_or(row.consent_time).0), row.invitation_id)
}

fn following(cursor: &Cursor) -> Condition {
    Direction::Ascending.following(&Expr::col(Column::AcceptTime), &Expr::col(Column::InvitationId), cursor)
}

impl Filter {
    fn parse(request: &pb::ListAcceptancesRequest, violations: &mut Violations) -> Option<Self> {
        let root = violations.check("parent", request.parent.parse::<CommunityName>());
        let mut invitation = None;
        if !request.invitation.is_empty() {
            let name: Option<InvitationName> = violations.check("invitation", request.invitation.parse());
            let elsewhere = name.is_some_and(|name| root.is_some_and(|root| name.root != root));
            violations.require(!elsewhere, "invitation", "must be under `parent`");
            invitation = name;
        }
        let moment = |asked: Option<prost_types::Timestamp>| asked.map(Timestamp::from);
        let (from, before) = (moment(request.start_time), moment(request.end_time));
        Some(Self { root: root?, invitation, from, before })
    }

    fn condition(&self) -> Condition {
        Condition::all()
            .add(Column::RootId.eq(self.root.0))
            .add(Column::AcceptTime.is_not_null())
            .add_option(self.invitation.map(|name| Column::InvitationId.eq(name.id)))
            .add_option(self.from.map(|from| Column::AcceptTime.gte(from)))
            .add_option(self.before.map(|before| Column::AcceptTime.lt(before)))
    }
}
