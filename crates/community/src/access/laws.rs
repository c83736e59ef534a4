//! What holds for every tree, every person and every role, tried on random ones against a model that knows nothing of the
//! functions under test: plain loops over the whole tree.

use std::collections::{BTreeSet, HashSet};

use proptest::collection::vec;
use proptest::prelude::*;
use usher_api::name::UserName;
use uuid::Uuid;

use super::*;
use crate::entity::permission::Category;
use crate::role::BuiltInRole;

/// As many as the laws are promised for.
const TREES: u32 = 10_000;

/// A role that was given somewhere in a tree, by the numbers of what it concerns.
#[derive(Clone, Debug)]
struct Given {
    place: usize,
    role: usize,
    inherits: bool,
}

/// One person's place in a tree. The community 0 is at the top, the others are inside.
#[derive(Clone, Debug)]
struct Tree {
    states: Vec<State>,
    suspended: Vec<bool>,
    given: Vec<Given>,
    /// Which of the permissions each custom role holds.
    custom: Vec<Vec<bool>>,
}

/// The permissions of the small catalogue, two of each category, and the one that widens the ceiling.
const PERMISSIONS: [(&str, Category); 7] = [
    ("alerts.view", Category::View),
    ("cases.view", Category::View),
    ("alerts.close", Category::Manage),
    ("cases.close", Category::Manage),
    ("members.delete", Category::Admin),
    ("communities.update", Category::Admin),
    (ROLES_ASSIGN, Category::Admin),
];
const CUSTOM_ROLES: usize = 4;
const PLACES: usize = 4;

fn role(number: usize) -> RoleId {
    match BuiltInRole::ALL.get(number) {
        Some(role) => RoleId::BuiltIn(*role),
        None => RoleId::Custom(Uuid::from_u128(1_000 + number as u128)),
    }
}

fn place(number: usize) -> CommunityName {
    CommunityName(Uuid::from_u128(1 + number as u128))
}

fn states() -> impl Strategy<Value = State> {
    prop_oneof![6 => Just(State::Active), 1 => Just(State::Suspended), 1 => Just(State::Deleted)]
}

fn trees() -> impl Strategy<Value = Tree> {
    let roles = BuiltInRole::ALL.len() + CUSTOM_ROLES;
    let given = (0..PLACES, 0..roles, any::<bool>()).prop_map(|(place, role, inherits)| Given {
        place,
        role,
        inherits: inherits && place == 0,
    });
    (
        vec(states(), PLACES),
        vec(prop::bool::weighted(0.2), PLACES),
        vec(given, 0..6),
        vec(vec(any::<bool>(), PERMISSIONS.len()), CUSTOM_ROLES),
    )
        .prop_map(|(states, suspended, given, custom)| Tree { states, suspended, given, custom })
}

impl Tree {
    fn catalogue(&self) -> Catalogue {
        let permissions = PERMISSIONS.iter().enumerate().map(|(number, (name, category))| {
            let holding = self.custom.iter().enumerate().filter(|(_, holds)| holds[number]);
            let holding: HashSet<Uuid> =
                holding.filter_map(|(custom, _)| role(BuiltInRole::ALL.len() + custom).custom()).collect();
            Permission { name: (*name).to_owned(), category: *category, custom_roles: holding }
        });
        Catalogue::of(permissions)
    }

    /// What the database says of the person in the place `here`: what was given there and at the top, counted or not.
    fn standing(&self, here: usize) -> Standing {
        let roles = self.given.iter().filter(|given| given.place == here || given.place == 0);
        let roles = roles.map(|given| HeldRole {
            role: role(given.role),
            given_in: place(given.place),
            inherits: given.inherits,
            suspended: self.suspended[given.place],
            invitation: String::new(),
            granted_by: UserName(Uuid::nil()).into(),
            grant_time: Timestamp(0),
        });
        let (state, root_state) = (self.states[here], self.states[0]);
        let kind = if here == 0 { Kind::Mssp } else { Kind::Managed };
        let there = Place { community: place(here), kind, root: place(0), state, root_state };
        Standing { place: Some(there), roles: roles.collect(), ..Standing::default() }
    }

    /// Whether the role with this number holds the permission with that one, as the product says it.
    fn holds(&self, role: usize, permission: usize) -> bool {
        let (name, category) = PERMISSIONS[permission];
        let looks = category == Category::View;
        match BuiltInRole::ALL.get(role) {
            None => self.custom[role - BuiltInRole::ALL.len()][permission],
            Some(BuiltInRole::Guest | BuiltInRole::ManageApiKeys) => looks,
            Some(BuiltInRole::Analyst) => looks || category == Category::Manage,
            Some(BuiltInRole::Admin) => true,
            Some(BuiltInRole::ManageMember) => looks || name == "members.delete",
            Some(BuiltInRole::ManageRoles) => looks || name == ROLES_ASSIGN,
            Some(BuiltInRole::ManageCommunity) => looks || name == "communities.update",
        }
    }

    /// The model: whether the person may.
    fn may(&self, here: usize, permission: usize) -> bool {
        if self.states[here] != State::Active || self.states[0] != State::Active {
            return false;
        }
        for given in &self.given {
            let counts_here = given.place == here || (given.place == 0 && given.inherits);
            if counts_here && !self.suspended[given.place] && self.holds(given.role, permission) {
                return true;
            }
        }
        false
    }
}

fn permissions(standing: &Standing, catalogue: &Catalogue) -> BTreeSet<String> {
    standing.permissions(catalogue, Reach::Here).into_iter().map(str::to_owned).collect()
}

/// The standing with those of its roles that `keep` is true of.
fn only(standing: &Standing, keep: impl Fn(&HeldRole) -> bool) -> Standing {
    let roles = standing.roles.iter().filter(|held| keep(held)).cloned().collect();
    Standing { place: standing.place, roles, ..Standing::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: TREES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn checks_and_explanations_agree_with_the_model(tree in trees()) {
        let catalogue = tree.catalogue();
        for here in 0..PLACES {
            let standing = tree.standing(here);
            for (number, (name, _)) in PERMISSIONS.iter().enumerate() {
                let permission = catalogue.get(name).unwrap();
                let expected = tree.may(here, number);
                prop_assert_eq!(standing.allows(permission, Reach::Here), expected);
                let explained = standing.explain(permission).any(|(_, obstacles)| obstacles.is_empty());
                prop_assert_eq!(explained, expected);
            }
        }
    }

    #[test]
    fn what_counts_is_the_union_of_what_was_given_here_and_above(tree in trees()) {
        let catalogue = tree.catalogue();
        for here in 1..PLACES {
            let standing = tree.standing(here);
            let direct = permissions(&only(&standing, |held| held.given_in == place(here)), &catalogue);
            let inherited = permissions(&only(&standing, |held| held.given_in != place(here)), &catalogue);
            prop_assert_eq!(permissions(&standing, &catalogue), &direct | &inherited);
        }
    }

    #[test]
    fn taking_what_was_given_in_one_place_touches_no_other(tree in trees(), taken in 0..PLACES) {
        let catalogue = tree.catalogue();
        let mut after = tree.clone();
        after.given.retain(|given| given.place != taken);
        for here in 0..PLACES {
            let others = only(&tree.standing(here), |held| held.given_in != place(taken));
            let left = permissions(&after.standing(here), &catalogue);
            prop_assert_eq!(left, permissions(&others, &catalogue));
        }
    }

    #[test]
    fn whoever_gets_a_role_can_do_no_more_by_it_than_its_giver(giver in trees(), number in 0..11_usize) {
        let catalogue = giver.catalogue();
        for here in 0..PLACES {
            for reach in [Reach::Here, Reach::Subtree] {
                let held = giver.standing(here);
                let held = held.permissions(&catalogue, reach);
                let asked = catalogue.permissions_of(role(number));
                if !beyond_giver(&held, &asked, &catalogue).is_empty() {
                    continue;
                }
                for permission in asked.difference(&held) {
                    prop_assert!(held.contains(ROLES_ASSIGN) && !catalogue.is_administrative(permission));
                }
            }
        }
    }

    #[test]
    fn a_ceiling_refuses_exactly_what_is_above_it(giver in trees(), number in 0..11_usize) {
        let catalogue = giver.catalogue();
        let standing = giver.standing(0);
        let held = standing.permissions(&catalogue, Reach::Here);
        let asked = catalogue.permissions_of(role(number));
        let above: BTreeSet<&str> = asked.difference(&held).copied().collect();
        let refused = beyond_maker(&held, &asked);
        prop_assert_eq!(refused.iter().map(String::as_str).collect::<BTreeSet<_>>(), above.clone());
        let widened = held.contains(ROLES_ASSIGN) && !asked.iter().any(|it| catalogue.is_administrative(it));
        prop_assert_eq!(beyond_giver(&held, &asked, &catalogue).is_empty(), above.is_empty() || widened);
    }

    #[test]
    fn roles_that_reach_into_the_subtree_count_in_all_of_it(tree in trees()) {
        let catalogue = tree.catalogue();
        let top = tree.standing(0).permissions(&catalogue, Reach::Subtree).into_iter().map(str::to_owned);
        let top: BTreeSet<String> = top.collect();
        for here in (1..PLACES).filter(|here| tree.states[*here] == State::Active) {
            prop_assert!(top.is_subset(&permissions(&tree.standing(here), &catalogue)));
        }
    }
}
