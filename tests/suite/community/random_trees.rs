//! Trees that nobody thought of. Each is grown from a seed through the RPCs and written down beside as a plain model; then every
//! question about access is asked, and the answers are those of the model.

mod dice;
mod growth;
mod world;

use std::collections::BTreeSet;

use futures::future::join_all;
use sandbox::Caller;
use usher_api::community::{
    BatchCheckAccessRequest, CheckAccessRequest, EffectiveRole, ExplainAccessRequest, Inheritance,
    ListAccessibleCommunitiesRequest, ListEffectiveRolesRequest, ListMembersWithAccessRequest,
};

use self::dice::Dice;
use self::growth::Garden;
use self::world::{Path, World};
use crate::support::people::{Person, admin};

/// How many trees each test grows.
const TREES: u64 = 20;
/// How many questions are asked at once.
const AT_ONCE: usize = 24;

/// A grown tree, and what every question is asked with.
struct Grown {
    seed: u64,
    world: World,
    /// The token of the last change.
    token: String,
    service: Caller,
    admin: Person,
}

/// Grows the tree of this seed.
async fn grown(seed: u64) -> (Grown, Dice) {
    let admin = admin().await;
    let mut garden = Garden::plant(&admin, Dice::new(seed)).await;
    garden.give_roles().await;
    garden.live().await;
    let (world, token, dice) = (garden.world, garden.token, garden.dice);
    (Grown { seed, world, token, service: Caller::nobody().service("alerts"), admin }, dice)
}

/// Person, place and permission, by their places in the model.
type Question = (usize, usize, usize);

impl Grown {
    fn questions(&self) -> Vec<Question> {
        let mut questions = Vec::new();
        for person in 0..self.world.people.len() {
            for place in 0..self.world.places.len() {
                for permission in 0..self.world.permissions.len() {
                    questions.push((person, place, permission));
                }
            }
        }
        questions
    }

    fn check(&self, (person, place, permission): Question) -> CheckAccessRequest {
        CheckAccessRequest {
            user: self.world.people[person].clone(),
            community: self.world.places[place].name.clone(),
            permission: self.world.permissions[permission].name.clone(),
            consistency_token: self.token.clone(),
            on_behalf_of: String::new(),
        }
    }

    /// What a failure tells.
    fn about(&self, question: Question) -> String {
        let check = self.check(question);
        let seed = self.seed;
        format!("seed {seed}: {} {} in {}\n{:#?}", check.user, check.permission, check.community, self.world)
    }

    async fn compare_checks(&self) {
        for questions in self.questions().chunks(AT_ONCE) {
            join_all(questions.iter().map(|question| self.compare_check(*question))).await;
        }
        let (questions, expected): (Vec<_>, Vec<_>) = self
            .questions()
            .into_iter()
            .map(|question| (self.check(question), self.world.allows(question)))
            .unzip();
        let request = BatchCheckAccessRequest { checks: questions, consistency_token: self.token.clone() };
        let answer = self.service.community().batch_check_access(request).await.unwrap().into_inner();
        let allowed: Vec<bool> = answer.results.into_iter().map(|result| result.allowed).collect();
        assert_eq!(allowed, expected, "seed {}: {:#?}", self.seed, self.world);
    }

    async fn compare_check(&self, question: Question) {
        let answer = self.service.community().check_access(self.check(question)).await.unwrap().into_inner();
        assert_eq!(answer.allowed, self.world.allows(question), "{}", self.about(question));
    }

    async fn compare_explanations(&self) {
        for questions in self.questions().chunks(AT_ONCE) {
            join_all(questions.iter().map(|question| self.compare_explanation(*question))).await;
        }
    }

    async fn compare_explanation(&self, question: Question) {
        let CheckAccessRequest { user, community, permission, consistency_token, .. } = self.check(question);
        let request = ExplainAccessRequest {
            user,
            community,
            permission,
            consistency_token,
            on_behalf_of: String::new(),
        };
        let answer = self.service.community().explain_access(request).await.unwrap().into_inner();
        assert_eq!(answer.allowed, self.world.allows(question), "{}", self.about(question));
        let state = self.world.effective_state(question.1);
        assert_eq!(answer.community_state(), state, "{}", self.about(question));
        let told = answer.paths.iter().map(|path| Path {
            obstacles: path.obstacles().collect(),
            ..seen(path.role.as_ref().expect("a path has a role"))
        });
        assert_eq!(sorted(told), sorted(self.world.paths(question)), "{}", self.about(question));
    }

    async fn compare_effective_roles(&self, person: usize, place: usize) {
        let (user, community) = (self.world.people[person].clone(), self.world.places[place].name.clone());
        let request = ListEffectiveRolesRequest { user, community };
        let answer = self.service.community().list_effective_roles(request).await.unwrap().into_inner();
        let about = self.about((person, place, 0));
        assert!(answer.roles.iter().map(|role| !role.inherited_from.is_empty()).is_sorted(), "{about}");
        let told = answer.roles.iter().map(seen);
        assert_eq!(sorted(told), sorted(self.world.counting(person, place)), "{about}");
        // Other tests register permissions meanwhile.
        let mut allowed = BTreeSet::new();
        for (number, permission) in self.world.permissions.iter().enumerate() {
            if self.world.allows((person, place, number)) {
                allowed.insert(permission.name.clone());
            }
        }
        let ours = |name: &String| self.world.permissions.iter().any(|permission| permission.name == *name);
        let told: BTreeSet<String> = answer.permissions.into_iter().filter(ours).collect();
        assert_eq!(told, allowed, "{about}");
    }

    async fn compare_communities(&self, person: usize, permission: usize, page_size: i32) {
        let mut expected = Vec::new();
        for (number, place) in self.world.places.iter().enumerate() {
            if self.world.allows((person, number, permission)) {
                expected.push(place.name.clone());
            }
        }
        expected.sort();
        let mut request = ListAccessibleCommunitiesRequest {
            user: self.world.people[person].clone(),
            permission: self.world.permissions[permission].name.clone(),
            page_size,
            consistency_token: self.token.clone(),
            ..ListAccessibleCommunitiesRequest::default()
        };
        let mut found = Vec::new();
        loop {
            let answer = self.service.community().list_accessible_communities(request.clone()).await;
            let answer = answer.unwrap().into_inner();
            found.extend(answer.communities);
            if answer.next_page_token.is_empty() {
                break;
            }
            request.page_token = answer.next_page_token;
        }
        assert_eq!(found, expected, "{}", self.about((person, 0, permission)));
    }

    async fn compare_members(&self, place: usize, permission: usize, page_size: i32) {
        let mut expected = Vec::new();
        for (number, person) in self.world.people.iter().enumerate() {
            if self.world.allows((number, place, permission)) {
                expected.push(person.clone());
            }
        }
        expected.sort();
        let mut request = ListMembersWithAccessRequest {
            community: self.world.places[place].name.clone(),
            permission: self.world.permissions[permission].name.clone(),
            page_size,
            consistency_token: self.token.clone(),
            ..ListMembersWithAccessRequest::default()
        };
        let mut found = Vec::new();
        loop {
            let answer = self.service.community().list_members_with_access(request.clone()).await;
            let answer = answer.unwrap().into_inner();
            found.extend(answer.users);
            if answer.next_page_token.is_empty() {
                break;
            }
            request.page_token = answer.next_page_token;
        }
        assert_eq!(found, expected, "{}", self.about((0, place, permission)));
    }
}

/// A role as the service tells of it, with nothing in its way.
fn seen(role: &EffectiveRole) -> Path {
    Path {
        role: role.role.clone(),
        inherited_from: role.inherited_from.clone(),
        inherits: role.inheritance() == Inheritance::SelfAndDescendants,
        obstacles: BTreeSet::new(),
    }
}

fn sorted(paths: impl IntoIterator<Item = Path>) -> Vec<Path> {
    let mut paths: Vec<Path> = paths.into_iter().collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn every_check_is_answered_as_the_model_says() {
    for seed in 0..TREES {
        let (grown, _) = grown(seed).await;
        grown.compare_checks().await;
    }
}

#[tokio::test]
async fn every_path_is_explained_as_the_model_says() {
    for seed in TREES..2 * TREES {
        let (grown, _) = grown(seed).await;
        grown.compare_explanations().await;
    }
}

#[tokio::test]
async fn every_list_is_as_the_model_says() {
    for seed in 2 * TREES..3 * TREES {
        let (grown, mut dice) = grown(seed).await;
        let mut page_size = || [1, 2, 3, 100][dice.below(4)];
        for person in 0..grown.world.people.len() {
            for place in 0..grown.world.places.len() {
                grown.compare_effective_roles(person, place).await;
            }
        }
        for permission in 0..grown.world.permissions.len() {
            for person in 0..grown.world.people.len() {
                // The platform administrator has communities of other tests too.
                if grown.world.people[person] != grown.admin.name {
                    grown.compare_communities(person, permission, page_size()).await;
                }
            }
            for place in 0..grown.world.places.len() {
                grown.compare_members(place, permission, page_size()).await;
            }
        }
    }
}
