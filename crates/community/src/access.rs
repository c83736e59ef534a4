//! Who may do what: pure functions over what was read from the database. Everything that gives or refuses
//! authority in Usher goes through this file, checks and explanations alike.

use std::collections::BTreeSet;

use usher_api::name::{CommunityName, UserName};
use usher_runtime::Timestamp;

use crate::catalogue::{Catalogue, Permission, ROLES_ASSIGN};
use crate::entity::community::{Kind, State};
use crate::role::RoleId;

/// How far an act reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// The community alone.
    Here,
    /// The community and all that are inside it, those made later included. Only roles that reach as far give
    /// authority for it: an admin of the main community alone has nothing to say in the others.
    Subtree,
}

impl Reach {
    /// How far a role reaches that was given in a community of this kind, if nobody says otherwise. Nothing is
    /// inside a managed community.
    pub(crate) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Mssp => Self::Subtree,
            Kind::Managed => Self::Here,
        }
    }
}

/// A role that was given to a person, in the community in question or in the one above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeldRole {
    pub(crate) role: RoleId,
    /// Where it was given: there, or in the community above.
    pub(crate) given_in: CommunityName,
    /// Whether it counts in the communities inside `given_in`.
    pub(crate) inherits: bool,
    /// Whether the membership that it belongs to is suspended.
    pub(crate) suspended: bool,
    /// The invitation that brought it. Empty if none did.
    pub(crate) invitation: String,
    pub(crate) granted_by: UserName,
    pub(crate) grant_time: Timestamp,
}

/// What keeps a role from counting, or from giving a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Obstacle {
    /// The role does not hold the permission.
    PermissionNotHeld,
    /// It was given above, for the community above alone.
    NotInherited,
    /// The membership is suspended.
    MemberSuspended,
    /// The community, or the one above, is suspended.
    CommunitySuspended,
    /// The community, or the one above, is deleted.
    CommunityDeleted,
}

/// The community in which somebody is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) community: CommunityName,
    pub(crate) kind: Kind,
    /// The community at the top of its tree.
    pub(crate) root: CommunityName,
    /// Its own state.
    pub(crate) state: State,
    /// That of the root.
    pub(crate) root_state: State,
}

impl Place {
    /// The state that it is in fact in.
    pub(crate) fn effective_state(&self) -> State {
        self.state.below(self.root_state)
    }
}

/// Where one person stands in one community: every role that was given to him there and above. What he may do
/// is the union of those that count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// `None` if there is no such community. Then nobody has roles there.
    pub(crate) place: Option<Place>,
    pub(crate) roles: Vec<HeldRole>,
}

impl Standing {
    /// Everything that keeps `held`, one of the roles, from counting here.
    pub(crate) fn obstacles(&self, held: &HeldRole) -> Vec<Obstacle> {
        let Some(place) = self.place else { return vec![Obstacle::NotInherited] };
        let mut obstacles = Vec::new();
        if held.given_in != place.community && !held.inherits {
            obstacles.push(Obstacle::NotInherited);
        }
        if held.suspended {
            obstacles.push(Obstacle::MemberSuspended);
        }
        let is = |state| place.state == state || place.root_state == state;
        if is(State::Suspended) {
            obstacles.push(Obstacle::CommunitySuspended);
        }
        if is(State::Deleted) {
            obstacles.push(Obstacle::CommunityDeleted);
        }
        obstacles
    }

    /// The roles that count here.
    pub(crate) fn counting(&self) -> impl Iterator<Item = &HeldRole> {
        self.roles.iter().filter(|held| self.obstacles(held).is_empty())
    }

    /// Whether he may do what `permission` allows, as far as `reach`.
    pub(crate) fn allows(&self, permission: &Permission, reach: Reach) -> bool {
        self.reaching(reach).any(|held| permission.held_by(held.role))
    }

    /// For each role, everything that keeps it from giving `permission` here. He may do it if one of them meets no obstacle.
    pub(crate) fn explain(
        &self,
        permission: &Permission,
    ) -> impl Iterator<Item = (&HeldRole, Vec<Obstacle>)> {
        self.roles.iter().map(|held| {
            let not_held = (!permission.held_by(held.role)).then_some(Obstacle::PermissionNotHeld);
            (held, not_held.into_iter().chain(self.obstacles(held)).collect())
        })
    }

    /// All that he may do as far as `reach`.
    pub(crate) fn permissions<'c>(&self, catalogue: &'c Catalogue, reach: Reach) -> BTreeSet<&'c str> {
        let allowed = catalogue.permissions().filter(|permission| self.allows(permission, reach));
        allowed.map(|permission| permission.name.as_str()).collect()
    }

    /// Where he would stand if the community and the one above were active: for acts on a community that is not,
    /// such as to see it or to bring it back.
    pub(crate) fn as_if_active(&self) -> Self {
        let place =
            self.place.map(|place| Place { state: State::Active, root_state: State::Active, ..place });
        Self { place, roles: self.roles.clone() }
    }

    fn reaching(&self, reach: Reach) -> impl Iterator<Item = &HeldRole> {
        self.counting().filter(move |held| match reach {
            Reach::Here => true,
            Reach::Subtree => held.inherits,
        })
    }
}

/// The ceiling for giving a role: those of its permissions `asked` that are beyond a giver who holds `held`,
/// sorted. A role may be given if there are none. Its name does not matter, only what it amounts to.
pub(crate) fn beyond_giver(
    held: &BTreeSet<&str>,
    asked: &BTreeSet<&str>,
    catalogue: &Catalogue,
) -> Vec<String> {
    let administrative = asked.iter().any(|permission| catalogue.is_administrative(permission));
    if held.contains(ROLES_ASSIGN) && !administrative {
        return Vec::new();
    }
    beyond_maker(held, asked)
}

/// The ceiling for making a role: those of the permissions `asked` that its maker, who holds `held`, lacks,
/// sorted.
pub(crate) fn beyond_maker(held: &BTreeSet<&str>, asked: &BTreeSet<&str>) -> Vec<String> {
    asked.difference(held).map(|permission| (*permission).to_owned()).collect()
}

#[cfg(test)]
mod laws;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::*;
    use crate::entity::permission::Category;
    use crate::role::BuiltInRole;

    const TRIAGE: RoleId = RoleId::Custom(Uuid::from_u128(7));
    const HERE: CommunityName = CommunityName(Uuid::from_u128(1));

    /// A small catalogue, in which the custom role `TRIAGE` works on alerts.
    fn catalogue() -> Catalogue {
        let names = [
            ("alerts.view", Category::View),
            ("alerts.close", Category::Manage),
            ("alerts.purge", Category::Admin),
            ("invitations.create", Category::Admin),
            ("roles.assign", Category::Admin),
        ];
        Catalogue::of(names.map(|(name, category)| Permission {
            name: name.to_owned(),
            category,
            custom_roles: if name == "alerts.close" {
                HashSet::from_iter(TRIAGE.custom())
            } else {
                HashSet::new()
            },
        }))
    }

    fn holder(roles: &[(RoleId, bool)]) -> Standing {
        let held = |(role, inherits): &(RoleId, bool)| HeldRole {
            role: *role,
            given_in: HERE,
            inherits: *inherits,
            suspended: false,
            invitation: String::new(),
            granted_by: UserName(Uuid::nil()),
            grant_time: Timestamp(0),
        };
        let place = Place {
            community: HERE,
            kind: Kind::Mssp,
            root: HERE,
            state: State::Active,
            root_state: State::Active,
        };
        Standing { place: Some(place), roles: roles.iter().map(held).collect() }
    }

    fn built_in(role: BuiltInRole) -> RoleId {
        RoleId::BuiltIn(role)
    }

    fn beyond(giver: &Standing, role: RoleId, reach: Reach) -> Vec<String> {
        let catalogue = catalogue();
        beyond_giver(&giver.permissions(&catalogue, reach), &catalogue.permissions_of(role), &catalogue)
    }

    #[test]
    fn roles_add_up() {
        let catalogue = catalogue();
        let both = holder(&[(built_in(BuiltInRole::Guest), false), (TRIAGE, false)]);
        let permissions = both.permissions(&catalogue, Reach::Here);
        assert_eq!(permissions, BTreeSet::from(["alerts.close", "alerts.view"]));
        assert!(holder(&[]).permissions(&catalogue, Reach::Here).is_empty());
    }

    #[test]
    fn only_roles_that_inherit_reach_into_the_subtree() {
        let giver = holder(&[(built_in(BuiltInRole::Admin), false), (built_in(BuiltInRole::Guest), true)]);
        assert!(beyond(&giver, built_in(BuiltInRole::Admin), Reach::Here).is_empty());
        assert!(beyond(&giver, built_in(BuiltInRole::Guest), Reach::Subtree).is_empty());
        assert_eq!(beyond(&giver, TRIAGE, Reach::Subtree), ["alerts.close"]);
        let catalogue = catalogue();
        let invite = catalogue.get("invitations.create").unwrap();
        assert!(giver.allows(invite, Reach::Here) && !giver.allows(invite, Reach::Subtree));
    }

    #[test]
    fn nobody_gives_more_than_he_holds() {
        let manager = holder(&[(built_in(BuiltInRole::ManageMember), true)]);
        assert!(beyond(&manager, built_in(BuiltInRole::Guest), Reach::Here).is_empty());
        assert!(beyond(&manager, built_in(BuiltInRole::ManageMember), Reach::Subtree).is_empty());
        assert_eq!(beyond(&manager, built_in(BuiltInRole::Analyst), Reach::Here), ["alerts.close"]);
        let missing = beyond(&manager, built_in(BuiltInRole::Admin), Reach::Here);
        assert_eq!(missing, ["alerts.close", "alerts.purge", "roles.assign"]);
    }

    #[test]
    fn who_assigns_roles_gives_those_that_administer_nothing() {
        let assigner = holder(&[(built_in(BuiltInRole::ManageRoles), false)]);
        assert!(beyond(&assigner, built_in(BuiltInRole::Analyst), Reach::Here).is_empty());
        assert!(beyond(&assigner, TRIAGE, Reach::Here).is_empty());
        assert_eq!(beyond(&assigner, TRIAGE, Reach::Subtree), ["alerts.close"]);
        let missing = beyond(&assigner, built_in(BuiltInRole::Admin), Reach::Here);
        assert_eq!(missing, ["alerts.close", "alerts.purge", "invitations.create"]);
    }

    #[test]
    fn assigning_roles_does_not_help_to_make_them() {
        let catalogue = catalogue();
        let held =
            holder(&[(built_in(BuiltInRole::ManageRoles), true)]).permissions(&catalogue, Reach::Subtree);
        assert_eq!(beyond_maker(&held, &BTreeSet::from(["alerts.close", "alerts.view"])), ["alerts.close"]);
    }
}
