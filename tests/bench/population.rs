//! Whom the questions are about.

use std::fmt::Write as _;

use sandbox::{Description, Service, program};
use sea_orm::{ConnectionTrait as _, Statement};
use usher_api::community::CheckAccessRequest;
use uuid::Uuid;

/// People of a large tree, and one of a small one.
pub struct Population {
    /// The database of the community service.
    pub url: String,
    /// The community with most members.
    pub largest: String,
    /// Some memberships, each with its person and its community.
    memberships: Vec<(String, String)>,
    /// A member of a tree with nobody else in it.
    alone: (String, String),
}

/// How many memberships are asked about: more than fit into any cache of the client.
const ASKED: usize = 50_000;
/// What is asked about them in turn.
const PERMISSIONS: [&str; 4] = ["communities.get", "members.list", "invitations.create", "roles.update"];

impl Population {
    /// Fills the databases, a large tree and a small one, with numbers of communities, people and memberships.
    pub async fn make(suite: &Description, sizes: [&str; 3]) -> Self {
        seed(suite, sizes, "1");
        seed(suite, ["1", "1", "1"], "2");
        let url = suite.databases[&Service::Community].clone();
        let database = sea_orm::Database::connect(&url).await.expect("the database answers");
        database.execute_unprepared("ANALYZE").await.expect("it runs");
        let rows = async |sql: &str| {
            let statement = Statement::from_string(database.get_database_backend(), sql);
            let rows = database.query_all_raw(statement).await.expect("it runs");
            let name = |row: &sea_orm::QueryResult| {
                let user: Uuid = row.try_get("", "user_id").expect("a person");
                let community: Uuid = row.try_get("", "community_id").expect("a community");
                (format!("users/{user}"), format!("communities/{community}"))
            };
            rows.iter().map(name).collect::<Vec<_>>()
        };
        let some =
            format!("SELECT user_id, community_id FROM member ORDER BY md5(user_id::text) LIMIT {ASKED}");
        let memberships = rows(&some).await;
        let largest = "SELECT min(user_id::text)::uuid AS user_id, community_id FROM member GROUP BY community_id \
                       ORDER BY count(*) DESC LIMIT 1";
        let alone = "SELECT user_id, community_id FROM member WHERE community_id IN (SELECT c.id FROM community c \
                     WHERE (SELECT count(*) FROM community o WHERE o.root_id = c.root_id) = 2 AND c.parent_id IS NOT NULL)";
        Self {
            largest: rows(largest).await.remove(0).1,
            alone: rows(alone).await.remove(0),
            memberships,
            url,
        }
    }

    /// A question about somebody where he is a member.
    pub fn check(&self, number: usize) -> CheckAccessRequest {
        let (user, community) = self.memberships[number % self.memberships.len()].clone();
        let permission = PERMISSIONS[number % PERMISSIONS.len()].to_owned();
        CheckAccessRequest { user, community, permission, ..CheckAccessRequest::default() }
    }

    /// The question about the only member of the small tree.
    pub fn small_check(&self) -> CheckAccessRequest {
        let ((user, community), permission) = (self.alone.clone(), PERMISSIONS[0].to_owned());
        CheckAccessRequest { user, community, permission, ..CheckAccessRequest::default() }
    }
}

fn seed(suite: &Description, [communities, users, memberships]: [&str; 3], seed: &str) {
    let mut settings = String::new();
    for service in [Service::Identity, Service::Community] {
        let (name, url) = (service.name(), &suite.databases[&service]);
        let _ = write!(settings, "[{name}.database]\nurl = \"{url}\"\n");
    }
    let file = suite.folder.join("seed.toml");
    std::fs::write(&file, settings).expect("the folder is writable");
    let file = file.to_string_lossy();
    let arguments = ["seed", "--config", &*file, "--communities", communities, "--users", users];
    program::run(&[&arguments[..], &["--memberships", memberships, "--seed", seed]].concat());
}
