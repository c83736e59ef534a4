//! Growing a tree through the RPCs, and writing down beside what that means.

use usher_api::community::{
    CommunityKind, CommunityState, DeleteRoleRequest, Grant, Inheritance, PermissionCategory,
    UpdateRoleRequest,
};

use super::super::{enrol, permission, somebody};
use super::world::{CustomRole, Given, Membership, Permission, Place, Role, World};
use crate::support::acts::{
    delete_community, reactivate_community, reactivate_member, remove_member, set_roles, suspend_community,
    suspend_member, undelete_community,
};
use crate::support::dice::Dice;
use crate::support::people::Person;
use crate::support::tree::{community, role};

const MOST_PLACES: usize = 6;
const MOST_PEOPLE: usize = 6;
const MOST_ROLES: usize = 4;
const BUILT_IN: [&str; 5] = ["guest", "analyst", "admin", "manage_member", "manage_roles"];
/// The platform administrator, who made all and is never touched, in the list of people.
const MAKER: usize = 0;

/// A world that grows.
pub struct Garden<'a> {
    admin: &'a Person,
    pub dice: Dice,
    pub world: World,
    /// The consistency token of the last change.
    pub token: String,
}

impl<'a> Garden<'a> {
    /// Makes communities, people without roles, and custom roles.
    pub async fn plant(admin: &'a Person, dice: Dice) -> Self {
        let mut garden = Self { admin, dice, world: World::default(), token: String::new() };
        garden.world.people.push(admin.name.clone());
        for _ in 1..=garden.dice.below(MOST_PEOPLE - 1) + 1 {
            garden.world.people.push(somebody());
        }
        for (name, category) in [
            ("communities.get", PermissionCategory::View),
            ("members.suspend", PermissionCategory::Admin),
            ("roles.assign", PermissionCategory::Admin),
        ] {
            garden.world.permissions.push(Permission { name: name.to_owned(), category });
        }
        for category in [PermissionCategory::View, PermissionCategory::Manage] {
            garden.world.permissions.push(Permission { name: permission(category).await, category });
        }
        for _ in 0..=garden.dice.below(MOST_PLACES) {
            garden.add_place().await;
        }
        for _ in 0..=garden.dice.below(MOST_ROLES) {
            garden.add_role().await;
        }
        garden
    }

    /// Gives roles here and there.
    pub async fn give_roles(&mut self) {
        for _ in 0..4 + self.dice.below(10) {
            self.give().await;
        }
    }

    /// Lets happen what happens in the life of communities.
    pub async fn live(&mut self) {
        for _ in 0..4 + self.dice.below(12) {
            match self.dice.below(9) {
                0 => self.give().await,
                1 | 2 => self.suspend_or_reactivate_member().await,
                3 => self.remove_member().await,
                4 => self.set_roles().await,
                5 => self.change_role().await,
                6 => self.delete_role().await,
                _ => self.stop_or_resume_place().await,
            }
        }
    }

    async fn add_place(&mut self) {
        let mains: Vec<usize> =
            (0..self.world.places.len()).filter(|it| self.world.places[*it].is_mssp).collect();
        let inside = !mains.is_empty() && self.dice.in_hundred(75);
        let parent = inside.then(|| *self.dice.pick(&mains));
        let is_mssp = parent.is_none() && self.dice.in_hundred(75);
        let kind = if is_mssp { CommunityKind::Mssp } else { CommunityKind::Managed };
        let above = parent.map(|parent| self.world.places[parent].name.clone()).unwrap_or_default();
        let name = community(self.admin, kind, &above).await;
        self.world.places.push(Place { name, parent, is_mssp, state: CommunityState::Active });
        if parent.is_none() {
            let roles = vec![Given { role: Role::BuiltIn("admin"), inherits: is_mssp }];
            let place = self.world.places.len() - 1;
            self.world.memberships.push(Membership { person: MAKER, place, suspended: false, roles });
        }
    }

    async fn add_role(&mut self) {
        let place = self.dice.below(self.world.places.len());
        let permissions = self.dice.some(&self.world.permissions);
        let names: Vec<&str> = permissions.iter().map(|permission| permission.name.as_str()).collect();
        let name = role(self.admin, &self.world.places[place].name, &names).await;
        self.world.roles.push(CustomRole { name, place, permissions, deleted: false });
    }

    /// Some roles that can be given in a place, each with how far it reaches.
    fn choose_roles(&mut self, place: usize) -> Vec<Given> {
        let mut roles: Vec<Role> = BUILT_IN.into_iter().map(Role::BuiltIn).collect();
        for (number, role) in self.world.roles.iter().enumerate() {
            let known = role.place == place || Some(role.place) == self.world.places[place].parent;
            // More often than the built-in ones: they are what differs from tree to tree.
            if known && !role.deleted {
                roles.extend([Role::Custom(number); 2]);
            }
        }
        let mut chosen: Vec<Given> = Vec::new();
        for _ in 0..=self.dice.below(2) {
            let inherits = self.world.places[place].is_mssp && self.dice.in_hundred(60);
            let given = Given { role: *self.dice.pick(&roles), inherits };
            if !chosen.contains(&given) {
                chosen.push(given);
            }
        }
        chosen
    }

    /// Gives a person roles as an invitation does.
    async fn give(&mut self) {
        let (person, place) =
            (1 + self.dice.below(self.world.people.len() - 1), self.dice.below(self.world.places.len()));
        let membership = self.world.membership(person, place);
        let suspended = membership.is_some_and(|it| self.world.memberships[it].suspended);
        if suspended || !self.world.is_active(place) {
            return;
        }
        // A grant has one inheritance.
        let mut roles = self.choose_roles(place);
        roles.truncate(1);
        let Given { role, inherits } = roles[0];
        let grant = Grant {
            community: self.world.places[place].name.clone(),
            roles: vec![self.world.role_name(role, place)],
            inheritance: inheritance(inherits).into(),
            ..Grant::default()
        };
        let top = self.world.places[place].parent.unwrap_or(place);
        enrol(self.admin, &self.world.places[top].name, &self.world.people[person], vec![grant]).await;
        let membership = membership.unwrap_or_else(|| {
            self.world.memberships.push(Membership { person, place, suspended: false, roles: Vec::new() });
            self.world.memberships.len() - 1
        });
        let held = &mut self.world.memberships[membership].roles;
        if !held.contains(&roles[0]) {
            held.push(roles[0]);
        }
    }

    /// A membership in a place that is active, of anybody but the maker.
    fn choose_membership(&mut self) -> Option<usize> {
        let free = |it: &usize| {
            let membership = &self.world.memberships[*it];
            membership.person != MAKER && self.world.is_active(membership.place)
        };
        let free: Vec<usize> = (0..self.world.memberships.len()).filter(free).collect();
        if free.is_empty() { None } else { Some(*self.dice.pick(&free)) }
    }

    /// The community and the person of a membership.
    fn names(&self, membership: usize) -> (String, String) {
        let membership = &self.world.memberships[membership];
        (self.world.places[membership.place].name.clone(), self.world.people[membership.person].clone())
    }

    async fn suspend_or_reactivate_member(&mut self) {
        let Some(chosen) = self.choose_membership() else { return };
        let (place, person) = self.names(chosen);
        let membership = &mut self.world.memberships[chosen];
        self.token = if membership.suspended {
            reactivate_member(self.admin, &place, &person).await
        } else {
            suspend_member(self.admin, &place, &person).await
        };
        membership.suspended = !membership.suspended;
    }

    async fn remove_member(&mut self) {
        let Some(chosen) = self.choose_membership() else { return };
        let (place, person) = self.names(chosen);
        self.token = remove_member(self.admin, &place, &person).await;
        self.world.memberships.remove(chosen);
    }

    async fn set_roles(&mut self) {
        let Some(chosen) = self.choose_membership() else { return };
        let (place, person) = self.names(chosen);
        let number = self.world.memberships[chosen].place;
        let roles = self.choose_roles(number);
        let named: Vec<_> = roles
            .iter()
            .map(|given| (self.world.role_name(given.role, number), inheritance(given.inherits)))
            .collect();
        self.token = set_roles(self.admin, &place, &person, named).await;
        self.world.memberships[chosen].roles = roles;
    }

    /// A custom role in a place that is active.
    fn choose_role(&mut self) -> Option<usize> {
        let free = |it: &usize| {
            let role = &self.world.roles[*it];
            !role.deleted && self.world.is_active(role.place)
        };
        let free: Vec<usize> = (0..self.world.roles.len()).filter(free).collect();
        if free.is_empty() { None } else { Some(*self.dice.pick(&free)) }
    }

    async fn change_role(&mut self) {
        let Some(chosen) = self.choose_role() else { return };
        let permissions = self.dice.some(&self.world.permissions);
        let role = usher_api::community::Role {
            name: self.world.roles[chosen].name.clone(),
            permissions: permissions.iter().map(|permission| permission.name.clone()).collect(),
            ..usher_api::community::Role::default()
        };
        let request = UpdateRoleRequest { role: Some(role), ..UpdateRoleRequest::default() };
        let answer = self.admin.caller.community().update_role(request).await;
        self.token = answer.expect("the role is changed").into_inner().consistency_token;
        self.world.roles[chosen].permissions = permissions;
    }

    async fn delete_role(&mut self) {
        let Some(chosen) = self.choose_role() else { return };
        let name = self.world.roles[chosen].name.clone();
        let request = DeleteRoleRequest { name, force: true, ..DeleteRoleRequest::default() };
        let answer = self.admin.caller.community().delete_role(request).await;
        self.token = answer.expect("the role is deleted").into_inner().consistency_token;
        self.world.roles[chosen].deleted = true;
        for membership in &mut self.world.memberships {
            membership.roles.retain(|given| given.role != Role::Custom(chosen));
        }
    }

    async fn stop_or_resume_place(&mut self) {
        let chosen = self.dice.below(self.world.places.len());
        let place = &self.world.places[chosen];
        if place.parent.is_some_and(|parent| !self.world.is_active(parent)) {
            return;
        }
        let suspends = self.dice.in_hundred(60);
        let (token, state) = match place.state {
            CommunityState::Suspended => {
                (reactivate_community(self.admin, &place.name).await, CommunityState::Active)
            }
            CommunityState::Deleted => {
                (undelete_community(self.admin, &place.name).await, CommunityState::Active)
            }
            _ if suspends => (suspend_community(self.admin, &place.name).await, CommunityState::Suspended),
            _ => (delete_community(self.admin, &place.name).await, CommunityState::Deleted),
        };
        self.token = token;
        self.world.places[chosen].state = state;
    }
}

fn inheritance(inherits: bool) -> Inheritance {
    if inherits { Inheritance::SelfAndDescendants } else { Inheritance::Self_ }
}
