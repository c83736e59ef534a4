//! Facts that no RPC brings about yet, written into the tables.

use sandbox::{Service, current};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement, Value};
use uuid::Uuid;

/// Removes somebody from a community.
pub async fn forget_member(community: &str, user: &str) {
    let values = [id(community).into(), id(user).into()];
    execute("DELETE FROM member_role WHERE community_id = $1 AND user_id = $2", values).await;
}

/// Makes somebody an administrator of a managed community.
pub async fn make_admin(community: &str, user: &str) {
    let values = [
        id(community).into(),
        id(user).into(),
        "admin".into(),
        false.into(),
        "".into(),
        id(user).into(),
        1_i64.into(),
    ];
    let insert = "INSERT INTO member_role (community_id, user_id, role_id, inherits, invitation, granted_by, create_time) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7)";
    execute(insert, values).await;
}

/// The database of a service of the running suite.
pub async fn database(service: Service) -> DatabaseConnection {
    sea_orm::Database::connect(&current().databases[&service]).await.expect("the database answers")
}

async fn execute<const N: usize>(sql: &str, values: [Value; N]) {
    let database = database(Service::Community).await;
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
    database.execute_raw(statement).await.expect("the statement runs");
}

/// The id at the end of a resource name.
fn id(name: &str) -> Uuid {
    name.rsplit('/').next().and_then(|id| id.parse().ok()).expect("the name ends in an id")
}
