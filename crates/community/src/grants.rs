//! Whether somebody may give roles: when they are offered, and again when they are accepted.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use sea_orm::{ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _};
use usher_api::community::{self as pb, GrantOutcome, Inheritance};
use usher_api::name::{CommunityName, RoleName};
use usher_runtime::{Actor, Failure, Violations};
use uuid::Uuid;

use crate::access::{self, Reach, Standing};
use crate::authority::{Holdings, denied};
use crate::catalogue::{Catalogue, canonical};
use crate::entity::community::{Kind, State};
use crate::entity::{community, role};
use crate::error::Error;
use crate::membership::HeldMember;
use crate::parse::AskedGrant;
use crate::role::{InvalidRoleId, RoleId};

/// A grant that its giver may give.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) community: CommunityName,
    /// Each once. Never empty.
    pub(crate) roles: Vec<(RoleId, RoleName)>,
    pub(crate) reach: Reach,
}

impl Grant {
    pub(crate) fn to_proto(&self, outcome: GrantOutcome) -> pb::Grant {
        let inheritance = match self.reach {
            Reach::Here => Inheritance::Self_,
            Reach::Subtree => Inheritance::SelfAndDescendants,
        };
        pb::Grant {
            community: self.community.to_string(),
            roles: self.roles.iter().map(|(_, name)| name.to_string()).collect(),
            inheritance: inheritance.into(),
            outcome: outcome.into(),
            offered_roles: Vec::new(),
        }
    }
}

/// Judges what somebody gives in one tree, by what the database said at one moment.
#[derive(Debug)]
pub(crate) struct Judge {
    root: CommunityName,
    giver: Actor,
    communities: HashMap<CommunityName, community::Model>,
    custom_roles: HashMap<Uuid, role::Model>,
    holdings: Holdings,
    catalogue: Catalogue,
}

impl Judge {
    /// Reads all that it takes to judge whether `giver` may give `grants` in the tree of `root`.
    pub(crate) async fn load(
        connection: &impl ConnectionTrait,
        root: CommunityName,
        giver: impl Into<Actor>,
        grants: &[AskedGrant],
    ) -> Result<Self, DbErr> {
        let giver = giver.into();
        let asked = grants.iter().map(|grant| (giver, grant.community)).collect();
        Self::read(connection, root, giver, asked, roles_of(grants).collect()).await
    }

    /// As [`Self::load`], for what several have offered: to judge for each in [`Self::turn_to`] his own.
    pub(crate) async fn load_all(
        connection: &impl ConnectionTrait,
        root: CommunityName,
        offers: &[(Actor, &[AskedGrant])],
    ) -> Result<Option<Self>, DbErr> {
        let Some((first, _)) = offers.first() else { return Ok(None) };
        let asked = offers.iter().flat_map(|(giver, grants)| grants.iter().map(|it| (*giver, it.community)));
        let roles = offers.iter().flat_map(|(_, grants)| roles_of(grants));
        Ok(Some(Self::read(connection, root, *first, asked.collect(), roles.collect()).await?))
    }

    /// Judges what `giver` gives from now on, who must be one of those that it was loaded for.
    pub(crate) fn turn_to(&mut self, giver: Actor) {
        self.giver = giver;
    }

    /// As [`Self::load`], for grants to a member, to judge also about the roles that he has.
    pub(crate) async fn load_over(
        connection: &impl ConnectionTrait,
        giver: Actor,
        member: &HeldMember,
        grants: &[AskedGrant],
    ) -> Result<Self, DbErr> {
        let asked = BTreeSet::from([(giver, member.community.row.name())]);
        let roles = roles_of(grants).chain(member.reaching_roles().filter_map(|(role, _)| role.custom()));
        Self::read(connection, member.community.root.name(), giver, asked, roles.collect()).await
    }

    async fn read(
        connection: &impl ConnectionTrait,
        root: CommunityName,
        giver: Actor,
        asked: BTreeSet<(Actor, CommunityName)>,
        roles: BTreeSet<Uuid>,
    ) -> Result<Self, DbErr> {
        let ids: BTreeSet<Uuid> = asked.iter().map(|(_, community)| community.0).collect();
        let rows = community::Entity::find().filter(community::Column::Id.is_in(ids)).all(connection).await?;
        let custom_roles = role::Entity::find()
            .filter(role::Column::Id.is_in(roles.iter().copied()))
            .all(connection)
            .await?;
        let holdings = Holdings::load(connection, asked).await?;
        let catalogue = Catalogue::load(connection, roles.into_iter().chain(holdings.custom_roles())).await?;
        Ok(Self {
            root,
            giver,
            communities: rows.into_iter().map(|row| (row.name(), row)).collect(),
            custom_roles: custom_roles.into_iter().map(|row| (row.id, row)).collect(),
            holdings,
            catalogue,
        })
    }

    /// Refuses unless the giver holds `permission` as far as the grant reaches. In a community that does not
    /// exist nobody holds anything.
    pub(crate) fn authorize(&self, permission: &str, grant: &AskedGrant) -> Result<(), Error> {
        let reach =
            self.communities.get(&grant.community).map_or(Reach::Here, |community| reach(community, grant));
        self.require(permission, grant.community, reach)
    }

    /// Refuses unless the giver holds `permission` in `community` as far as `reach`, and the community is active. Only
    /// those who would hold it are told that it is not.
    pub(crate) fn require(
        &self,
        permission: &str,
        community: CommunityName,
        reach: Reach,
    ) -> Result<(), Error> {
        let held = self.held(community);
        let known = self.catalogue.get(canonical(permission));
        let allowed = |held: &Standing| known.is_some_and(|permission| held.allows(permission, reach));
        match held.place {
            _ if allowed(&held) => Ok(()),
            Some(place) if allowed(&held.as_if_active()) => {
                Err(Error::CommunityNotActive { community, state: place.effective_state() })
            }
            _ => Err(denied(permission, community).into()),
        }
    }

    /// The community, if it is among those that the grants name.
    pub(crate) fn community(&self, community: CommunityName) -> Option<&community::Model> {
        self.communities.get(&community)
    }

    /// What the roles of `grant` amount to, sorted.
    pub(crate) fn permissions_of(&self, grant: &Grant) -> Vec<String> {
        let roles = grant.roles.iter();
        let amount: BTreeSet<&str> =
            roles.flat_map(|(role, _)| self.catalogue.permissions_of(*role)).collect();
        amount.into_iter().map(str::to_owned).collect()
    }

    /// Whether a role of `grant` lets its holder administer something.
    pub(crate) fn is_privileged(&self, grant: &Grant) -> bool {
        self.permissions_of(grant).iter().any(|permission| self.catalogue.is_administrative(permission))
    }

    /// Whether a community that a grant names is stopped, for whomever.
    pub(crate) fn stopped(&self, community: CommunityName) -> Option<State> {
        let state = self.held(community).place.map(|place| place.effective_state());
        state.filter(|state| *state != State::Active)
    }

    /// Refuses if one of `roles`, which somebody has in `community`, is beyond the giver: what he could not give, he
    /// cannot take or give back either.
    pub(crate) fn require_power_over(
        &self,
        community: CommunityName,
        roles: impl IntoIterator<Item = (RoleId, Reach)>,
    ) -> Result<(), Error> {
        for (role, reach) in roles {
            self.hold_to_ceiling(community, reach, role, &role.in_community(community))?;
        }
        Ok(())
    }

    /// Refuses a permission that is not in the catalogue.
    pub(crate) fn know(&self, permission: &str) -> Result<(), Error> {
        match self.catalogue.get(canonical(permission)) {
            Some(_) => Ok(()),
            None => Err(Error::UnknownPermission(permission.to_owned())),
        }
    }

    /// Refuses grants that are to reach into what is inside a managed community: there is nothing.
    pub(crate) fn require_inside(&self, grants: &[AskedGrant]) -> Result<(), Failure> {
        let mut violations = Violations::default();
        for grant in grants.iter().filter(|grant| grant.inheritance == Inheritance::SelfAndDescendants) {
            let community = self.communities.get(&grant.community);
            let managed = community.is_some_and(|community| community.kind == Kind::Managed);
            let field = format!("{}.inheritance", grant.field);
            violations.require(!managed, field, "must be SELF in a managed community, which has none inside");
        }
        violations.finish()
    }

    /// The grant in its full form: the community is in the tree, the roles exist, and none is beyond the
    /// giver. Must follow [`Self::authorize`], which may keep more to itself.
    pub(crate) fn examine(&self, asked: &AskedGrant) -> Result<Grant, Error> {
        let grant = self.name_roles(asked)?;
        for (id, name) in &grant.roles {
            self.hold_to_ceiling(grant.community, grant.reach, *id, name)?;
        }
        Ok(grant)
    }

    /// The grant in its full form, whoever gives it.
    pub(crate) fn name_roles(&self, asked: &AskedGrant) -> Result<Grant, Error> {
        let community =
            self.communities.get(&asked.community).filter(|community| community.root() == self.root);
        let Some(community) = community else {
            return Err(Error::CommunityOutsideTree { community: asked.community, root: self.root });
        };

        let mut grant =
            Grant { community: asked.community, roles: Vec::new(), reach: reach(community, asked) };
        for text in &asked.roles {
            let (id, name) = self
                .find_role(community, text)
                .ok_or_else(|| Error::UnknownRole { community: asked.community, role: text.clone() })?;
            if grant.roles.iter().all(|(other, _)| *other != id) {
                grant.roles.push((id, name));
            }
        }
        Ok(grant)
    }

    /// What the custom roles of `grant` hold, by name.
    pub(crate) fn custom_roles<'j>(
        &'j self,
        grant: &'j Grant,
    ) -> impl Iterator<Item = (&'j RoleName, BTreeSet<&'j str>)> {
        let custom = grant.roles.iter().filter(|(id, _)| id.custom().is_some());
        custom.map(|(id, name)| (name, self.catalogue.permissions_of(*id)))
    }

    /// Rule 9: what the role amounts to is within what the giver holds, as far as the grant reaches.
    fn hold_to_ceiling(
        &self,
        community: CommunityName,
        reach: Reach,
        id: RoleId,
        name: &RoleName,
    ) -> Result<(), Error> {
        let held = self.held(community).permissions(&self.catalogue, reach);
        let asked = self.catalogue.permissions_of(id);
        let permissions = access::beyond_giver(&held, &asked, &self.catalogue);
        if permissions.is_empty() {
            return Ok(());
        }
        Err(Error::RoleExceedsAuthority { community, role: name.to_string(), permissions })
    }

    /// The role that `text` names in `community`: the bare id of a built-in role, or the full name of a role
    /// of the community or of its parent.
    fn find_role(&self, community: &community::Model, text: &str) -> Option<(RoleId, RoleName)> {
        let here = community.name();
        let belongs = |to: CommunityName| to == here || Some(to) == community.parent();
        let (named_in, id) = split_role(text).ok()?;
        match id {
            RoleId::BuiltIn(_) => named_in.is_none_or(belongs).then(|| (id, id.in_community(here))),
            RoleId::Custom(custom) => {
                let role = self.custom_roles.get(&custom)?;
                let owner = CommunityName(role.community_id);
                (belongs(named_in?) && belongs(owner)).then(|| (id, role.name()))
            }
        }
    }

    fn held(&self, community: CommunityName) -> Cow<'_, Standing> {
        self.holdings.of(self.giver, community)
    }
}

/// How far a grant reaches in `community`. Nothing is inside a managed community, so there it reaches no
/// further.
fn reach(community: &community::Model, grant: &AskedGrant) -> Reach {
    match (community.kind, grant.inheritance) {
        (Kind::Mssp, Inheritance::Unspecified | Inheritance::SelfAndDescendants) => Reach::Subtree,
        (Kind::Mssp, Inheritance::Self_) | (Kind::Managed, _) => Reach::Here,
    }
}

/// The community, if one is named, and the id in `text`.
pub(crate) fn split_role(text: &str) -> Result<(Option<CommunityName>, RoleId), InvalidRoleId> {
    match text.parse::<RoleName>() {
        Ok(name) => Ok((Some(name.community), name.id.parse()?)),
        Err(_) => Ok((None, text.parse()?)),
    }
}

/// The custom roles that `grants` name.
fn roles_of(grants: &[AskedGrant]) -> impl Iterator<Item = Uuid> {
    let named = grants.iter().flat_map(|grant| &grant.roles);
    named.filter_map(|text| split_role(text).ok()?.1.custom())
}
