use usher_api::identity as pb;
use usher_api::name::UserName;
use usher_runtime::{Failure, Violations};

use super::create_user::parse_expected;
use crate::error::Error;
use crate::second_factor::{Demand, demand};
use crate::{Identity, account, community_rules};

pub(crate) async fn expect_memberships(
    service: &Identity,
    request: pb::ExpectMembershipsRequest,
) -> Result<pb::ExpectMembershipsResponse, Error> {
    let mut violations = Violations::default();
    let user = violations.check("user", request.user.parse::<UserName>());
    let expected = parse_expected("memberships", &request.memberships, &mut violations);
    violations.finish()?;
    let user = user.ok_or_else(|| Failure::internal("not parsed"))?;

    let change = service.database.change().await?;
    let account = account::hold_active(&change, user).await?;
    community_rules::expect(service, &change, account.id, expected).await?;
    let enrollment_required = matches!(demand(service, &*change, account.id).await?, Demand::Enrollment);
    // Whoever has to enrol first is not about to become a member: dropping the change forgets it.
    if !enrollment_required {
        change.commit().await?;
    }
    Ok(pb::ExpectMembershipsResponse { enrollment_required })
}
