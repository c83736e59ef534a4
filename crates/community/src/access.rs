//! Who may do what: pure functions over what was read from the database. Everything that gives or refuses
//! authority in Usher goes through this file, checks and explanations alike.

use std::collections::BTreeSet;

use usher_api::name::{CommunityName, PrincipalName};
use usher_runtime::Timestamp;

use crate::catalogue::{Catalogue, Permission, REPRESENT, ROLES_ASSIGN};
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
    pub(crate) granted_by: PrincipalName,
    pub(crate) grant_time: Timestamp,
}

/// A permission that was given to a program, in the community in question or in the one above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeldPermission {
    pub(crate) permission: String,
    /// Where it was given: there, or in the community above.
    pub(crate) given_in: CommunityName,
    /// Whether it counts in the communities inside `given_in`.
    pub(crate) inherits: bool,
    /// What keeps the program from doing anything, wherever.
    pub(crate) ended: Option<Obstacle>,
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
    /// The API key was revoked.
    KeyRevoked,
    /// The API key has expired.
    KeyExpired,
    /// The service account is disabled.
    AccountDisabled,
    /// The service account may not act on behalf of people there.
    NotRepresenting,
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

/// Where somebody stands in one community: every role that was given to a person there and above, or every permission that was given
/// to a program. What he may do is the union of those that count; on behalf of a person, only what that one may do, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// `None` if there is no such community. Then nobody has roles there.
    pub(crate) place: Option<Place>,
    /// Of a person.
    pub(crate) roles: Vec<HeldRole>,
    /// Of a program.
    pub(crate) given: Vec<HeldPermission>,
    /// Where the person stands on whose behalf a service account acts.
    pub(crate) represented: Option<Box<Self>>,
}

impl Standing {
    /// Everything that keeps `held`, one of the roles, from counting here.
    pub(crate) fn obstacles(&self, held: &HeldRole) -> Vec<Obstacle> {
        let suspended = held.suspended.then_some(Obstacle::MemberSuspended);
        self.obstacles_to(held.given_in, held.inherits, suspended)
    }

    /// Everything that keeps `held`, one of the permissions of a program, from counting here.
    fn obstacles_to_given(&self, held: &HeldPermission) -> Vec<Obstacle> {
        self.obstacles_to(held.given_in, held.inherits, held.ended)
    }

    fn obstacles_to(
        &self,
        given_in: CommunityName,
        inherits: bool,
        ended: Option<Obstacle>,
    ) -> Vec<Obstacle> {
        let Some(place) = self.place else { return vec![Obstacle::NotInherited] };
        let mut obstacles = Vec::new();
        if given_in != place.community && !inherits {
            obstacles.push(Obstacle::NotInherited);
        }
        obstacles.extend(ended);
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
        let holds = self.reaching(reach).any(|held| permission.held_by(held.role));
        if !holds && !self.was_given(&permission.name, reach) {
            return false;
        }
        match &self.represented {
            None => true,
            Some(person) => self.was_given(REPRESENT, reach) && person.allows(permission, reach),
        }
    }

    /// Whether a permission that counts was given to the program, as far as `reach`.
    fn was_given(&self, permission: &str, reach: Reach) -> bool {
        self.given.iter().any(|held| {
            held.permission == permission
                && (reach == Reach::Here || held.inherits)
                && self.obstacles_to_given(held).is_empty()
        })
    }

    /// For each time that `permission` was given to the program, everything that keeps it from counting here.
    pub(crate) fn explain_given(
        &self,
        permission: &Permission,
    ) -> impl Iterator<Item = (&HeldPermission, Vec<Obstacle>)> {
        let silent = self.represented.is_some() && !self.was_given(REPRESENT, Reach::Here);
        let given = self.given.iter().filter(|held| held.permission == permission.name);
        given.map(move |held| {
            let mut obstacles = self.obstacles_to_given(held);
            obstacles.extend(silent.then_some(Obstacle::NotRepresenting));
            (held, obstacles)
        })
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
        let represented = self.represented.as_ref().map(|person| Box::new(person.as_if_active()));
        Self { place, represented, ..self.clone() }
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

    use usher_api::name::UserName;
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
            granted_by: UserName(Uuid::nil()).into(),
            grant_time: Timestamp(0),
        };
        let place = Place {
            community: HERE,
            kind: Kind::Mssp,
            root: HERE,
            state: State::Active,
            root_state: State::Active,
        };
        Standing { place: Some(place), roles: roles.iter().map(held).collect(), ..Standing::default() }
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

    /// A program that was given these permissions.
    fn program(permissions: &[&str], inherits: bool) -> Standing {
        let given = permissions.iter().map(|permission| HeldPermission {
            permission: (*permission).to_owned(),
            given_in: HERE,
            inherits,
            ended: None,
        });
        Standing { given: given.collect(), ..holder(&[]) }
    }

    #[test]
    fn a_program_does_what_it_was_given_as_long_as_nothing_ended_it() {
        let catalogue = catalogue();
        let alerts = program(&["alerts.view", "gone.view"], false);
        assert_eq!(alerts.permissions(&catalogue, Reach::Here), BTreeSet::from(["alerts.view"]));
        assert!(alerts.permissions(&catalogue, Reach::Subtree).is_empty());
        for obstacle in [Obstacle::KeyRevoked, Obstacle::KeyExpired, Obstacle::AccountDisabled] {
            let mut ended = alerts.clone();
            ended.given.iter_mut().for_each(|held| held.ended = Some(obstacle));
            assert!(ended.permissions(&catalogue, Reach::Here).is_empty());
        }
    }

    #[test]
    fn on_behalf_of_a_person_only_what_both_may_do_is_allowed() {
        let catalogue = catalogue();
        let on_behalf = |account: Standing, person: &Standing| {
            let acting = Standing { represented: Some(Box::new(person.clone())), ..account };
            acting.permissions(&catalogue, Reach::Here).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let admin = holder(&[(built_in(BuiltInRole::Admin), false)]);
        let guest = holder(&[(built_in(BuiltInRole::Guest), false)]);
        let given = ["alerts.view", "alerts.purge", REPRESENT];
        assert_eq!(on_behalf(program(&given, true), &admin), ["alerts.purge", "alerts.view"]);
        assert_eq!(on_behalf(program(&given, true), &guest), ["alerts.view"]);
        assert!(on_behalf(program(&given[..2], true), &admin).is_empty(), "it may represent nobody");
        assert!(on_behalf(program(&given, true), &holder(&[])).is_empty());
    }

    #[test]
    fn assigning_roles_does_not_help_to_make_them() {
        let catalogue = catalogue();
        let held =
            holder(&[(built_in(BuiltInRole::ManageRoles), true)]).permissions(&catalogue, Reach::Subtree);
        assert_eq!(beyond_maker(&held, &BTreeSet::from(["alerts.close", "alerts.view"])), ["alerts.close"]);
    }
}
