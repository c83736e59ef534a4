use std::collections::BTreeSet;

use usher_api::community::{self as pb, Inheritance};
use usher_api::name::{CommunityName, ServiceAccountName};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Once, Violations};

use crate::catalogue::{API_KEYS_CREATE, API_KEYS_REVOKE};
use crate::consistency::ConsistencyToken;
use crate::error::Error;
use crate::event::AccountFact;
use crate::programs::{self, Asked, Gift};
use crate::service_account::{hold, inheritance, write};
use crate::tree::HeldCommunity;
use crate::{Community, authority, event, parse};

const MOST_PERMISSIONS: usize = 200;

pub(crate) async fn update_service_account_access(
    service: &Community,
    caller: &Caller,
    request: pb::UpdateServiceAccountAccessRequest,
) -> Result<pb::UpdateServiceAccountAccessResponse, Error> {
    let asked = request.access.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let account = violations.check("service_account", request.service_account.parse::<ServiceAccountName>());
    let place = violations.check("access.community", asked.community.parse::<CommunityName>());
    let few = asked.permissions.len() <= MOST_PERMISSIONS;
    violations.require(
        few,
        "access.permissions",
        format_args!("must hold at most {MOST_PERMISSIONS} permissions"),
    );
    let known = Inheritance::try_from(asked.inheritance).is_ok();
    violations.require(known, "access.inheritance", "must be a known value");
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let place = parse::required(place, &mut violations)?;
    let account = parse::required(account, &mut violations)?;
    if asked.permissions.is_empty() {
        authority::require(service, caller, API_KEYS_REVOKE, place).await?;
    } else {
        authority::require_for_change(&*service.database, caller, API_KEYS_CREATE, place).await?;
    }
    violations.finish()?;

    let method = "UpdateServiceAccountAccess";
    let once = Once::new(&service.sealing, &service.clock, caller, method, request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let community = HeldCommunity::take(&change, place).await?;
    let mut row = hold(&change, account, "").await?;
    let gift = judge(&change, caller, &community, account, &asked).await?;
    programs::give(&change, account.0, place, &gift).await?;
    write(service, &change, &mut row).await?;
    let fact = if gift.permissions.is_empty() {
        AccountFact::Left { community: place, root: community.root.name() }
    } else {
        AccountFact::Updated
    };
    event::of_service_account(service, &change, &row, fact).await?;
    let access = pb::ServiceAccountAccess {
        community: place.to_string(),
        permissions: gift.permissions.into_iter().collect(),
        inheritance: inheritance(gift.inherits).into(),
    };
    let consistency_token = ConsistencyToken::seal(service, community.held)?;
    let answer = pb::UpdateServiceAccountAccessResponse { access: Some(access), consistency_token };
    once.commit(change, &answer).await?;
    tracing::info!(service_account = %account, community = %place, "access of service account {} set", account.0);
    Ok(answer)
}

/// What the account is to have from now on, if whoever calls may give it what it gains.
async fn judge(
    change: &Change,
    caller: &Caller,
    community: &HeldCommunity,
    account: ServiceAccountName,
    asked: &pb::ServiceAccountAccess,
) -> Result<Gift, Error> {
    if asked.permissions.is_empty() {
        return Ok(Gift { permissions: BTreeSet::new(), inherits: false });
    }
    community.require_active()?;
    let given = programs::given_to(&**change, [account.0]).await?;
    let here: Vec<_> = given.into_iter().filter(|it| it.community_id == community.row.id).collect();
    let before = Gift {
        inherits: here.iter().any(|given| given.inherits),
        permissions: here.into_iter().map(|given| given.permission).collect(),
    };
    let wanted = Asked { field: "access", permissions: &asked.permissions, inheritance: asked.inheritance() };
    wanted.judge(change, community, caller.actor()?, API_KEYS_CREATE, Some(&before)).await
}
