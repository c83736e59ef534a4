//! `usher seed` makes the same rows for the same arguments.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sandbox::{current, program};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use uuid::Uuid;

/// Databases of their own in a new folder, with their tables.
fn databases() -> PathBuf {
    let folder = current().folder.join(format!("seed-{}", Uuid::new_v4().simple()));
    std::fs::create_dir(&folder).expect("the folder is new");
    let mut settings = String::new();
    for service in ["identity", "community"] {
        let file = folder.join(service);
        let _ = write!(settings, "[{service}.database]\nurl = \"sqlite://{}?mode=rwc\"\n", file.display());
    }
    std::fs::write(settings_file(&folder), settings).expect("the folder is writable");
    let file = settings_file(&folder);
    program::run(&["migrate", "--services", "identity,community", "--config", &file.to_string_lossy()]);
    folder
}

fn settings_file(folder: &Path) -> PathBuf {
    folder.join("usher.toml")
}

fn fill(folder: &Path, seed: &str) {
    let file = settings_file(folder);
    let size = ["--communities", "7", "--users", "60", "--memberships", "200"];
    program::run(&[&["seed", "--config", &file.to_string_lossy(), "--seed", seed][..], &size].concat());
}

/// Who is a member where and by which role, in one order, and how many accounts there are.
async fn rows(folder: &Path) -> (Vec<String>, i64) {
    let community = open(&folder.join("community")).await;
    let sql = "SELECT hex(m.community_id) || hex(m.user_id) || m.name_key || r.role_id || r.inherits AS line \
               FROM member m JOIN member_role r USING (community_id, user_id) ORDER BY 1";
    let lines = all(&community, sql).await;
    let lines = lines.iter().map(|row| row.try_get("", "line").expect("a line")).collect();
    let accounts = all(&open(&folder.join("identity")).await, "SELECT count(*) AS n FROM account").await;
    (lines, accounts[0].try_get("", "n").expect("a number"))
}

async fn open(file: &Path) -> DatabaseConnection {
    sea_orm::Database::connect(format!("sqlite://{}", file.display())).await.expect("the database opens")
}

async fn all(database: &DatabaseConnection, sql: &str) -> Vec<sea_orm::QueryResult> {
    let statement = Statement::from_string(database.get_database_backend(), sql);
    database.query_all_raw(statement).await.expect("the statement runs")
}

#[tokio::test]
async fn the_same_arguments_make_the_same_rows() {
    let (one, other, different) = (databases(), databases(), databases());
    fill(&one, "7");
    fill(&other, "7");
    fill(&different, "8");
    let made = rows(&one).await;
    // Everybody's share, and the administrator at the top.
    assert!(made.0.len() > 200 && made.1 == 60, "{} memberships, {} accounts", made.0.len(), made.1);
    assert_eq!(rows(&other).await, made);
    assert_ne!(rows(&different).await.0, made.0);
    // A second run finds everything there.
    fill(&one, "7");
    assert_eq!(rows(&one).await, made);
}
