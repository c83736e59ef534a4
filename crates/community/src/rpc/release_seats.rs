use std::collections::BTreeMap;

use usher_api::community as pb;
use usher_api::name::InvitationName;
use usher_runtime::Violations;
use uuid::Uuid;

use crate::error::Error;
use crate::{Community, seats};

const RESERVATIONS: std::ops::RangeInclusive<usize> = 1..=200;

pub(crate) async fn release_seats(
    service: &Community,
    request: pb::ReleaseSeatsRequest,
) -> Result<pb::ReleaseSeatsResponse, Error> {
    let mut violations = Violations::default();
    let number_fits = RESERVATIONS.contains(&request.reservations.len());
    violations.require(number_fits, "reservations", "must hold 1 to 200 of them");
    let mut by_version: BTreeMap<i64, Vec<Uuid>> = BTreeMap::new();
    for (index, reservation) in request.reservations.iter().enumerate() {
        let field = format!("reservations[{index}].invitation");
        if let Some(name) = violations.check(field, reservation.invitation.parse::<InvitationName>()) {
            by_version.entry(reservation.invitation_version).or_default().push(name.id);
        }
    }
    violations.finish()?;
    let change = service.database.change().await?;
    for (version, invitations) in by_version {
        seats::release(&change, &invitations, version).await?;
    }
    change.commit().await?;
    Ok(pb::ReleaseSeatsResponse {})
}
