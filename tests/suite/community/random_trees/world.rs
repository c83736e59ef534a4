//! What a tree is and what follows from it, written as plainly as it can be: no index, no join, no cleverness.

use std::collections::BTreeSet;

use usher_api::community::{AccessObstacle, CommunityState, PermissionCategory};

/// Everything there is. Things are told apart by their places in these lists.
#[derive(Debug, Default)]
pub struct World {
    pub places: Vec<Place>,
    pub people: Vec<String>,
    pub permissions: Vec<Permission>,
    pub roles: Vec<CustomRole>,
    pub memberships: Vec<Membership>,
}

/// A community.
#[derive(Debug)]
pub struct Place {
    pub name: String,
    pub parent: Option<usize>,
    pub is_mssp: bool,
    /// Its own state.
    pub state: CommunityState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    pub name: String,
    pub category: PermissionCategory,
}

/// A role made of chosen permissions.
#[derive(Debug)]
pub struct CustomRole {
    pub name: String,
    pub place: usize,
    pub permissions: Vec<Permission>,
    pub deleted: bool,
}

/// A person who was made a member, with the roles that he was given there.
#[derive(Debug)]
pub struct Membership {
    pub person: usize,
    pub place: usize,
    pub suspended: bool,
    pub roles: Vec<Given>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    pub role: Role,
    pub inherits: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    BuiltIn(&'static str),
    Custom(usize),
}

/// A role that somebody was given in a place or above it, and what keeps it from counting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    pub role: String,
    pub inherited_from: String,
    pub inherits: bool,
    pub obstacles: BTreeSet<AccessObstacle>,
}

impl World {
    /// Whether `person` may do in `place` what `permission` allows.
    pub fn allows(&self, question: (usize, usize, usize)) -> bool {
        self.paths(question).iter().any(|path| path.obstacles.is_empty())
    }

    /// The roles that count for `person` in `place`, whatever they hold.
    pub fn counting(&self, person: usize, place: usize) -> Vec<Path> {
        let mut counting = Vec::new();
        for mut path in self.paths((person, place, 0)) {
            path.obstacles.remove(&AccessObstacle::PermissionNotHeld);
            if path.obstacles.is_empty() {
                counting.push(path);
            }
        }
        counting
    }

    /// Every role that `person` was given in `place` and above, and what keeps it from giving `permission`.
    pub fn paths(&self, (person, place, permission): (usize, usize, usize)) -> Vec<Path> {
        let mut paths = Vec::new();
        for membership in &self.memberships {
            let here = membership.place == place;
            let above = self.places[place].parent == Some(membership.place);
            if membership.person != person || !(here || above) {
                continue;
            }
            for given in &membership.roles {
                let mut obstacles = self.obstacles_of(place);
                if !self.holds(given.role, &self.permissions[permission]) {
                    obstacles.insert(AccessObstacle::PermissionNotHeld);
                }
                if above && !given.inherits {
                    obstacles.insert(AccessObstacle::NotInherited);
                }
                if membership.suspended {
                    obstacles.insert(AccessObstacle::MemberSuspended);
                }
                let from = &self.places[membership.place].name;
                paths.push(Path {
                    role: self.role_name(given.role, membership.place),
                    inherited_from: if above { from.clone() } else { String::new() },
                    inherits: given.inherits,
                    obstacles,
                });
            }
        }
        paths
    }

    /// The state that a place is in fact in.
    pub fn effective_state(&self, place: usize) -> CommunityState {
        let above = self.places[place].parent.map(|parent| self.places[parent].state);
        match above {
            Some(state) if state != CommunityState::Active => state,
            _ => self.places[place].state,
        }
    }

    pub fn is_active(&self, place: usize) -> bool {
        self.effective_state(place) == CommunityState::Active
    }

    /// The membership of `person` in `place`, by its place in the list.
    pub fn membership(&self, person: usize, place: usize) -> Option<usize> {
        self.memberships.iter().position(|it| it.person == person && it.place == place)
    }

    /// What a role is called by those who give it in `place`.
    pub fn role_name(&self, role: Role, place: usize) -> String {
        match role {
            Role::BuiltIn(id) => format!("{}/roles/{id}", self.places[place].name),
            Role::Custom(number) => self.roles[number].name.clone(),
        }
    }

    /// What stands in everybody's way in a place.
    fn obstacles_of(&self, place: usize) -> BTreeSet<AccessObstacle> {
        let mut obstacles = BTreeSet::new();
        for stopped in [Some(place), self.places[place].parent].into_iter().flatten() {
            match self.places[stopped].state {
                CommunityState::Suspended => obstacles.insert(AccessObstacle::CommunitySuspended),
                CommunityState::Deleted => obstacles.insert(AccessObstacle::CommunityDeleted),
                _ => false,
            };
        }
        obstacles
    }

    fn holds(&self, role: Role, permission: &Permission) -> bool {
        let looks = permission.category == PermissionCategory::View;
        let works = permission.category == PermissionCategory::Manage;
        let is_about = |resource| permission.name.starts_with(resource);
        match role {
            Role::BuiltIn("guest") => looks,
            Role::BuiltIn("analyst") => looks || works,
            Role::BuiltIn("admin") => true,
            Role::BuiltIn("manage_member") => looks || is_about("members.") || is_about("invitations."),
            Role::BuiltIn("manage_roles") => looks || is_about("roles."),
            Role::BuiltIn(id) => panic!("{id} is not used here"),
            Role::Custom(number) => self.roles[number].permissions.contains(permission),
        }
    }
}
