//! Those who are to be invited: what the settings say about their addresses, whether they have all that is offered already, and
//! whether there is a seat for each.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sea_orm::{ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _};
use usher_api::community as pb;
use usher_api::community::{RecipientObstacle, RecipientRefusal, RecipientVerdict};
use usher_api::name::{CommunityName, InvitationName};
use usher_runtime::{EmailAddress, Violations};
use uuid::Uuid;

use crate::access::Reach;
use crate::entity::{member, member_role};
use crate::error::Error;
use crate::grants::Grant;
use crate::role::RoleId;
use crate::seats::{self, Wanted};
use crate::settings::Settings;
use crate::{Community, tree};

const MOST_RECIPIENTS: usize = 200;

/// Somebody who is to be invited.
#[derive(Clone, Debug)]
pub(crate) struct Invitee {
    pub(crate) email: EmailAddress,
    pub(crate) invitation: InvitationName,
    pub(crate) version: i64,
    pub(crate) ended: bool,
}

/// The field `recipients`.
pub(crate) fn parse(recipients: &[pb::Recipient], violations: &mut Violations) -> Vec<Invitee> {
    let number_fits = recipients.len() <= MOST_RECIPIENTS;
    violations.require(number_fits, "recipients", format_args!("must hold at most {MOST_RECIPIENTS} people"));
    let mut invitees = Vec::new();
    for (index, recipient) in recipients.iter().enumerate().take(MOST_RECIPIENTS) {
        let at = |part: &str| format!("recipients[{index}].{part}");
        let email = violations.check(at("email"), recipient.email.parse());
        let invitation = violations.check(at("invitation"), recipient.invitation.parse());
        if let (Some(email), Some(invitation)) = (email, invitation) {
            let (version, ended) = (recipient.invitation_version, recipient.ended);
            invitees.push(Invitee { email, invitation, version, ended });
        }
    }
    invitees
}

/// What invitees are offered, and what holds there.
#[derive(Debug)]
pub(crate) struct Offer<'a> {
    pub(crate) root: CommunityName,
    pub(crate) grants: &'a [Grant],
    pub(crate) settings: HashMap<Uuid, Settings>,
    /// Whether the inviter may know who is a member.
    pub(crate) sees_members: bool,
}

/// Memberships of invitees in the communities of the offer and at the top.
#[derive(Debug, Default)]
struct Memberships {
    by_email: HashMap<String, Vec<member::Model>>,
    roles: HashSet<(Uuid, Uuid, RoleId, bool)>,
}

impl Offer<'_> {
    /// What stands in the way of each of `invitees`. With `reserve`, those in whose way nothing stands get their seats.
    pub(crate) async fn judge(
        &self,
        service: &Community,
        invitees: &[Invitee],
        reserve: bool,
    ) -> Result<Vec<RecipientVerdict>, Error> {
        if invitees.is_empty() {
            return Ok(Vec::new());
        }
        if !reserve {
            let memberships = self.memberships(&*service.database, invitees).await?;
            return Ok(self.seat(&*service.database, &memberships, invitees).await?.0);
        }
        let change = service.database.change().await?;
        if self.settings.values().any(|settings| settings.seat_limit.is_some()) {
            // Nobody else takes a seat in this tree until these are kept.
            tree::hold(&change, self.root).await?;
        }
        let memberships = self.memberships(&*change, invitees).await?;
        let (verdicts, wanted) = self.seat(&*change, &memberships, invitees).await?;
        seats::keep(&*change, &wanted, service.clock.now().after(service.config.seat_lease)).await?;
        change.commit().await?;
        Ok(verdicts)
    }

    async fn memberships(
        &self,
        connection: &impl ConnectionTrait,
        invitees: &[Invitee],
    ) -> Result<Memberships, DbErr> {
        let places: BTreeSet<Uuid> =
            self.grants.iter().map(|grant| grant.community.0).chain([self.root.0]).collect();
        let emails: BTreeSet<&str> = invitees.iter().map(|invitee| invitee.email.canonical()).collect();
        let rows = member::Entity::find()
            .filter(member::Column::CommunityId.is_in(places.iter().copied()))
            .filter(member::Column::EmailKey.is_in(emails))
            .filter(member::Column::State.eq(member::State::Active))
            .all(connection)
            .await?;
        let mut memberships = Memberships::default();
        if rows.is_empty() {
            return Ok(memberships);
        }
        let users: BTreeSet<Uuid> = rows.iter().map(|row| row.user_id).collect();
        let roles = member_role::Entity::find()
            .filter(member_role::Column::CommunityId.is_in(places))
            .filter(member_role::Column::UserId.is_in(users))
            .all(connection)
            .await?;
        memberships
            .roles
            .extend(roles.iter().map(|row| (row.community_id, row.user_id, row.role_id, row.inherits)));
        for row in rows {
            memberships.by_email.entry(row.email_key.clone()).or_default().push(row);
        }
        Ok(memberships)
    }

    /// The verdicts, and the seats that those take in whose way nothing stands.
    async fn seat(
        &self,
        connection: &impl ConnectionTrait,
        memberships: &Memberships,
        invitees: &[Invitee],
    ) -> Result<(Vec<RecipientVerdict>, Vec<Wanted>), DbErr> {
        let mut free = self.free_seats(connection, invitees).await?;
        let (mut verdicts, mut wanted) = (Vec::new(), Vec::new());
        for invitee in invitees {
            let mut obstacles = self.obstacles(memberships, invitee);
            let seats: Vec<Uuid> = self.seatless(memberships, invitee).collect();
            for place in &seats {
                if free.get(place).is_some_and(|(free, _)| *free < 1) {
                    let limit = free[place].1;
                    obstacles.push(RecipientObstacle {
                        seat_limit: i32::try_from(limit).unwrap_or(i32::MAX),
                        ..obstacle(RecipientRefusal::SeatLimitReached, CommunityName(*place))
                    });
                }
            }
            if obstacles.is_empty() {
                for place in &seats {
                    free.entry(*place).and_modify(|(free, _)| *free -= 1);
                }
                wanted.extend(seats.into_iter().map(|community| Wanted {
                    invitation: invitee.invitation.id,
                    community,
                    after_version: invitee.version,
                    anew: invitee.ended,
                }));
            }
            verdicts.push(RecipientVerdict { obstacles });
        }
        Ok((verdicts, wanted))
    }

    /// How many seats are free where there is a limit, and that limit. What the invitees hold already counts as free.
    async fn free_seats(
        &self,
        connection: &impl ConnectionTrait,
        invitees: &[Invitee],
    ) -> Result<BTreeMap<Uuid, (i64, i64)>, DbErr> {
        let own: Vec<Uuid> = invitees.iter().map(|invitee| invitee.invitation.id).collect();
        let mut free = BTreeMap::new();
        for (place, settings) in &self.settings {
            if let Some(limit) = settings.seat_limit {
                let taken = seats::taken(connection, *place, limit, &own).await?;
                free.insert(*place, (limit - taken, limit));
            }
        }
        Ok(free)
    }

    fn obstacles(&self, memberships: &Memberships, invitee: &Invitee) -> Vec<RecipientObstacle> {
        let mut obstacles = Vec::new();
        for grant in self.grants {
            let settings = self.settings.get(&grant.community.0);
            if settings.is_some_and(|settings| !settings.allows_domain(invitee.email.domain())) {
                obstacles.push(obstacle(RecipientRefusal::EmailDomainNotAllowed, grant.community));
            }
        }
        let has_all = || self.grants.iter().all(|grant| memberships.hold(invitee, self.root, grant));
        if let Some(first) = self.grants.first().filter(|_| self.sees_members && has_all()) {
            obstacles.push(obstacle(RecipientRefusal::AlreadyMember, first.community));
        }
        obstacles
    }

    /// The communities of the offer in which he takes no seat yet.
    fn seatless(&self, memberships: &Memberships, invitee: &Invitee) -> impl Iterator<Item = Uuid> {
        self.grants.iter().map(|grant| grant.community.0).filter(move |place| {
            let rows = memberships.of(invitee);
            !rows.iter().any(|row| row.community_id == *place)
        })
    }
}

impl Memberships {
    fn of(&self, invitee: &Invitee) -> &[member::Model] {
        self.by_email.get(invitee.email.canonical()).map_or(&[], Vec::as_slice)
    }

    /// Whether the invitee has every role of `grant`, there or from above, as far as it reaches.
    fn hold(&self, invitee: &Invitee, root: CommunityName, grant: &Grant) -> bool {
        let has = |place: Uuid, role: RoleId, inherits: bool| {
            self.of(invitee).iter().any(|row| {
                row.community_id == place && self.roles.contains(&(place, row.user_id, role, inherits))
            })
        };
        let (place, here) = (grant.community.0, grant.reach == Reach::Here);
        grant.roles.iter().all(|(role, _)| {
            has(place, *role, true) || (here && (has(place, *role, false) || has(root.0, *role, true)))
        })
    }
}

fn obstacle(reason: RecipientRefusal, community: CommunityName) -> RecipientObstacle {
    RecipientObstacle { reason: reason.into(), community: community.to_string(), seat_limit: 0 }
}
