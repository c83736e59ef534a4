//! Whom and what the questions are about.

use sandbox::{Caller, until};
use sea_orm::{ConnectionTrait as _, Statement};

use super::observatory::Observatory;
use crate::support::people::{Person, admin_of};

/// The largest of each kind, and people who stand differently to them.
pub struct Scene {
    /// The MSSP community with most communities inside, and the one of them with most members.
    pub root: String,
    pub inside: String,
    /// The community with most members.
    pub large: String,
    /// A member of `inside`, and somebody who reaches it from above only.
    pub member: String,
    pub above: String,
    /// The custom role that most have.
    pub role: String,
    /// Somebody signed in, who is a member of many communities.
    pub busy: Person,
    /// Where `busy` is a member.
    pub shared: String,
    pub admin: Person,
    /// 1,000 memberships, each with its person and its community.
    pub memberships: Vec<(String, String)>,
}

impl Scene {
    pub async fn find(observatory: &Observatory) -> Self {
        let suite = &observatory.suite.description;
        let community = async |sql: &str| format!("communities/{}", observatory.text(sql).await);
        let user = async |sql: &str| format!("users/{}", observatory.text(sql).await);
        let root = community(
            "SELECT parent_id::text FROM community WHERE parent_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
        )
        .await;
        let root_id = root.trim_start_matches("communities/");
        let inside = community(&format!(
            "SELECT m.community_id::text FROM member m JOIN community c ON c.id = m.community_id \
             WHERE c.parent_id = '{root_id}' GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
        ))
        .await;
        let inside_id = inside.trim_start_matches("communities/");
        let member = format!("SELECT user_id::text FROM member WHERE community_id = '{inside_id}' LIMIT 1");
        let above = format!(
            "SELECT user_id::text FROM member WHERE community_id = '{root_id}' AND inherits \
             AND user_id NOT IN (SELECT user_id FROM member WHERE community_id = '{inside_id}') LIMIT 1"
        );
        let large = "SELECT community_id::text FROM member GROUP BY 1 ORDER BY count(*) DESC LIMIT 1";
        let role = "SELECT c.id || '/roles/' || r.id FROM member_role m JOIN role r ON r.id = m.custom_role_id \
                    JOIN community c ON c.id = r.community_id GROUP BY c.id, r.id ORDER BY count(*) DESC LIMIT 1";
        let busy = Person::with_email(&Caller::nobody_at(suite), "busy@guest.test").await;
        known(observatory, &busy).await;
        double(observatory, &busy).await;
        let id = busy.name.trim_start_matches("users/");
        let shared = format!(
            "SELECT community_id::text FROM member_role WHERE user_id = '{id}' AND role_id = 'guest' LIMIT 1"
        );
        let admin = admin_of(suite).await;
        known(observatory, &admin).await;
        Self {
            member: user(&member).await,
            above: user(&above).await,
            large: community(large).await,
            role: community(role).await,
            shared: community(&shared).await,
            memberships: memberships(observatory).await,
            admin,
            root,
            inside,
            busy,
        }
    }
}

/// Waits until the community service has heard of the person: what it does then is no answer to a question.
async fn known(observatory: &Observatory, person: &Person) {
    let id = person.name.trim_start_matches("users/");
    until("the community service knows the person", || async {
        let sql =
            format!("SELECT count(*) FROM person WHERE user_id = '{id}' AND last_seen_time IS NOT NULL");
        let found: i64 = observatory.row(&sql).await.try_get_by_index(0).expect("a number");
        (found == 1).then_some(())
    })
    .await;
}

/// Makes the person a member wherever the one is who is a member most often, with the same roles.
async fn double(observatory: &Observatory, person: &Person) {
    let id = person.name.trim_start_matches("users/");
    let busiest =
        observatory.text("SELECT user_id::text FROM member GROUP BY 1 ORDER BY count(*) DESC LIMIT 1").await;
    for table in ["member", "member_role"] {
        let sql = format!(
            "INSERT INTO {table} \
             SELECT (jsonb_populate_record(t, jsonb_build_object('user_id', '{id}'))).* FROM {table} t \
             WHERE t.user_id = '{busiest}'"
        );
        observatory.database.execute_unprepared(&sql).await.expect("the rows are new");
    }
}

async fn memberships(observatory: &Observatory) -> Vec<(String, String)> {
    let sql = "SELECT user_id::text, community_id::text FROM member ORDER BY md5(user_id::text) LIMIT 1000";
    let statement = Statement::from_string(observatory.database.get_database_backend(), sql);
    let rows = observatory.database.query_all_raw(statement).await.expect("the statement runs");
    let read = |row: &sea_orm::QueryResult| {
        let (user, community): (String, String) =
            (row.try_get_by_index(0).expect("an id"), row.try_get_by_index(1).expect("an id"));
        (format!("users/{user}"), format!("communities/{community}"))
    };
    rows.iter().map(read).collect()
}
