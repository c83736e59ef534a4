use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::{Actor, Violations};

use super::apply_grants::parse_inviter;
use crate::catalogue::INVITATIONS_CREATE;
use crate::error::Error;
use crate::grants::Judge;
use crate::parse::AskedGrant;
use crate::role_drift::{self, Drift, Offered};
use crate::{Community, parse};

const OFFERS: std::ops::RangeInclusive<usize> = 1..=200;
/// As many as one statement can ask about.
const MOST_GRANTS: usize = 1_000;

/// What an invitation offers.
struct Offer {
    inviter: Actor,
    grants: Vec<AskedGrant>,
    offered: Offered,
}

pub(crate) async fn assess_grants(
    service: &Community,
    request: pb::AssessGrantsRequest,
) -> Result<pb::AssessGrantsResponse, Error> {
    let mut violations = Violations::default();
    let root = violations.check("root", request.root.parse::<CommunityName>());
    violations.require(OFFERS.contains(&request.offers.len()), "offers", "must hold 1 to 200 offers");
    let few = request.offers.iter().map(|offer| offer.grants.len()).sum::<usize>() <= MOST_GRANTS;
    violations.require(few, "offers", format_args!("must hold at most {MOST_GRANTS} grants together"));
    let mut offers = Vec::new();
    for (index, offer) in request.offers.iter().enumerate().take(*OFFERS.end()) {
        offers.extend(Offer::parse(&format!("offers[{index}]."), offer, &mut violations));
    }
    let root = parse::required(root, &mut violations)?;
    violations.finish()?;

    let asked: Vec<_> = offers.iter().map(|offer| (offer.inviter, offer.grants.as_slice())).collect();
    let mut assessments = Vec::with_capacity(offers.len());
    if let Some(mut judge) = Judge::load_all(&*service.database, root, &asked).await? {
        for offer in &offers {
            judge.turn_to(offer.inviter);
            assessments.push(offer.assess(&judge));
        }
    }
    Ok(pb::AssessGrantsResponse { assessments })
}

impl Offer {
    fn parse(prefix: &str, offer: &pb::OfferedGrants, violations: &mut Violations) -> Option<Self> {
        let mut own = Violations::default();
        let inviter = parse_inviter(&offer.inviter, &offer.on_behalf_of, &mut own);
        let grants = parse::grants(offer.grants.clone(), &mut own);
        for (field, what) in own.iter() {
            violations.add(format!("{prefix}{field}"), what);
        }
        Some(Self { inviter: inviter?, grants, offered: role_drift::offered(&offer.grants) })
    }

    /// `judge` must have turned to the inviter.
    fn assess(&self, judge: &Judge) -> pb::GrantsAssessment {
        let mut found = pb::GrantsAssessment::default();
        for asked in self.grants.iter().flat_map(one_by_one) {
            let role = match judge.name_roles(&asked) {
                Ok(role) => role,
                Err(Error::UnknownRole { .. }) => {
                    found.role_changed = true;
                    continue;
                }
                // The community is gone, and with it whatever could be wrong.
                Err(_) => continue,
            };
            found.privileged |= judge.is_privileged(&role);
            found.role_changed |= Drift::of(judge, &role, &self.offered) != Drift::default();
            found.inviter_inactive |= is_beyond(judge, &asked);
        }
        found
    }
}

/// A grant of each role, so that one which is gone hides nothing of the others.
fn one_by_one(grant: &AskedGrant) -> impl Iterator<Item = AskedGrant> {
    grant.roles.iter().map(|role| AskedGrant { roles: vec![role.clone()], ..grant.clone() })
}

/// Whether an acceptance would find that the inviter may not give this.
fn is_beyond(judge: &Judge, asked: &AskedGrant) -> bool {
    match judge.authorize(INVITATIONS_CREATE, asked).and_then(|()| judge.examine(asked)) {
        Ok(_) | Err(Error::CommunityNotActive { .. }) => false,
        Err(_) => true,
    }
}
