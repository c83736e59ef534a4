//! A suite with many communities and people, whose community database tells the plan of every statement.

use std::fmt::Write as _;
use std::fs::File;
use std::future::Future;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use sandbox::{Database, Description, Options, Service, Suite, Topology, program, until};
use sea_orm::{ConnectOptions, ConnectionTrait as _, DatabaseConnection, QueryResult, Statement};
use tonic::Status;

use super::plans::Plan;

/// Large enough that the planner does not read tables from end to end for want of rows.
const SIZE: [&str; 8] = ["--communities", "200", "--users", "5000", "--memberships", "50000", "--seed", "7"];
/// What one made-up tree does not have: other trees with members of their own, and roles that communities made for themselves.
const WIDER: [&str; 5] = [
    "INSERT INTO community SELECT made.* \
     FROM community c, (SELECT gen_random_uuid() AS id FROM generate_series(1, 30000)) new, \
     LATERAL jsonb_populate_record(c, jsonb_build_object('id', new.id, 'root_id', new.id, 'name_key', new.id)) made \
     WHERE c.parent_id IS NULL",
    "INSERT INTO member SELECT made.* \
     FROM (SELECT id, row_number() OVER () % 50 AS part FROM community WHERE parent_id IS NULL) c \
     JOIN (SELECT DISTINCT ON (user_id) *, dense_rank() OVER (ORDER BY user_id) % 2500 AS part FROM member) m \
     ON m.part = c.part, \
     LATERAL jsonb_populate_record(NULL::member, \
                                   to_jsonb(m) || jsonb_build_object('community_id', c.id, 'inherits', false)) made \
     ON CONFLICT DO NOTHING",
    "INSERT INTO member_role \
     SELECT m.community_id, m.user_id, CASE hashtext(m.user_id::text) % 2 WHEN 0 THEN 'guest' ELSE 'analyst' END, \
            false, '', m.user_id, 0, NULL \
     FROM member m JOIN community c ON c.id = m.community_id WHERE c.parent_id IS NULL ON CONFLICT DO NOTHING",
    "INSERT INTO role \
     SELECT gen_random_uuid(), c.id, number::text, number::text, 'Made for a test of plans.', 1, 0, 0 \
     FROM community c, generate_series(1, 3) number WHERE hashtext(c.id::text) % 10 = 0",
    "INSERT INTO role_permission SELECT r.id, p.name FROM role r, permission p \
     WHERE r.description = 'Made for a test of plans.' AND hashtext(r.id || p.name) % 3 = 0",
];
/// What makes PostgreSQL log the plan of every statement, without executing it step by step against the clock. And what a disk
/// without moving parts costs: by default it would rather read all of tables that are as small as these.
const SETTINGS: [(&str, &str); 5] = [
    ("session_preload_libraries", "auto_explain"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_format", "json"),
    ("auto_explain.log_analyze", "off"),
    ("random_page_cost", "1.1"),
];

/// The suite and what is wrong with its plans so far.
pub struct Observatory {
    pub suite: Suite,
    pub database: DatabaseConnection,
    /// What PostgreSQL writes.
    log: File,
    complaints: Vec<String>,
}

impl Observatory {
    /// Starts the suite, fills it, and begins to log.
    pub async fn open(folder: &Path) -> Self {
        let options = Options::new(Database::Postgres, Topology::Apart);
        let suite = Suite::start(folder, &options).await.expect("the suite starts");
        seed(&suite.description);
        Self::over(suite, Service::Community, &WIDER).await
    }

    /// Runs `filling` in the database of a service, and begins to log what the service asks it.
    pub async fn over(mut suite: Suite, service: Service, filling: &[&str]) -> Self {
        let url = &suite.description.databases[&service];
        // One connection, which is there before the logging begins: what it asks is not logged.
        let mut own = ConnectOptions::new(url);
        own.max_connections(1).min_connections(1);
        let database = sea_orm::Database::connect(own).await.expect("the database answers");
        for sql in filling.iter().copied().chain(["VACUUM ANALYZE"]) {
            database.execute_unprepared(sql).await.expect("the statement runs");
        }
        let (_, name) = url.rsplit_once('/').expect("the URL names a database");
        for (setting, value) in SETTINGS {
            let sql = format!("ALTER DATABASE {name} SET {setting} = '{value}'");
            database.execute_unprepared(&sql).await.expect("the setting is known");
        }
        restart_quiet(&mut suite, service).await;
        let log = File::open(suite.description.folder.join("postgres.log")).expect("PostgreSQL writes a log");
        Self { suite, database, log, complaints: Vec::new() }
    }

    /// The one row that `sql` finds.
    pub async fn row(&self, sql: &str) -> QueryResult {
        let statement = Statement::from_string(self.database.get_database_backend(), sql);
        let row = self.database.query_one_raw(statement).await.expect("the statement runs");
        row.unwrap_or_else(|| panic!("nothing found by {sql}"))
    }

    /// The first column of the one row that `sql` finds, as text.
    pub async fn text(&self, sql: &str) -> String {
        self.row(sql).await.try_get_by_index(0).expect("the column is text")
    }

    /// Makes a call that must be answered by one statement, which finds people by their ids. `what` says which call it is.
    pub async fn one_statement<T>(&mut self, what: &str, call: impl Future<Output = Result<T, Status>>) -> T {
        let (answer, plans) = self.one(what, call).await;
        for plan in &plans {
            self.judge(what, plan, &[plan.whole_tables(), plan.large_sorts(), plan.all_members()].concat());
        }
        answer
    }

    /// As [`Self::one_statement`], about so many communities that it may be cheaper to read all of them than to look them up.
    /// Of what grows with the people, nothing may be read whole all the same.
    pub async fn one_statement_about_many<T>(
        &mut self,
        what: &str,
        call: impl Future<Output = Result<T, Status>>,
    ) -> T {
        let (answer, plans) = self.one(what, call).await;
        for plan in &plans {
            let mut found = [plan.whole_tables(), plan.all_members()].concat();
            found.retain(|found| found != "reads all of community");
            self.judge(what, plan, &found);
        }
        answer
    }

    async fn one<T>(&mut self, what: &str, call: impl Future<Output = Result<T, Status>>) -> (T, Vec<Plan>) {
        let (answer, plans) = self.plans(what, call).await;
        if plans.len() != 1 {
            let statements: Vec<&str> = plans.iter().map(Plan::statement).collect();
            self.complaints.push(format!("{what}: {} statements\n{}", plans.len(), statements.join("\n")));
        }
        (answer, plans)
    }

    /// Makes a call whose statements must neither read a large table from end to end nor sort or hash many rows.
    pub async fn watch<T>(&mut self, what: &str, call: impl Future<Output = Result<T, Status>>) -> T {
        let (answer, plans) = self.plans(what, call).await;
        for plan in &plans {
            self.judge(what, plan, &[plan.whole_tables(), plan.large_sorts()].concat());
        }
        answer
    }

    /// As [`Self::watch`], of a search or a count, which must look at all that is in one tree.
    pub async fn watch_search<T>(&mut self, what: &str, call: impl Future<Output = Result<T, Status>>) -> T {
        let (answer, plans) = self.plans(what, call).await;
        for plan in &plans {
            self.judge(what, plan, &plan.whole_tables());
        }
        answer
    }

    fn judge(&mut self, what: &str, plan: &Plan, found: &[String]) {
        if !found.is_empty() {
            self.complaints.push(format!("{what}: {} in\n{plan}", found.join(", ")));
        }
    }

    /// The answer, and the plans of the statements that it took.
    async fn plans<T>(&self, what: &str, call: impl Future<Output = Result<T, Status>>) -> (T, Vec<Plan>) {
        let before = self.log.metadata().expect("there is a log").len();
        let answer = call.await.unwrap_or_else(|status| panic!("{what}: {status}"));
        self.quiet().await;
        let mut plans = Plan::read(&self.logged_since(before));
        plans.retain(|plan| !plan.is_about_events());
        assert!(!plans.is_empty(), "{what} asks the database nothing");
        (answer, plans)
    }

    /// Requires that nothing was found.
    pub fn close(self) {
        assert!(self.complaints.is_empty(), "\n{}", self.complaints.join("\n\n"));
    }

    /// Waits until the service waits for nothing from the database: then the plans of all that it asked are in the log.
    async fn quiet(&self) {
        let sql = "SELECT count(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
        until("the database is idle", || async {
            let busy: i64 = self.row(sql).await.try_get_by_index(0).expect("a number");
            (busy == 0).then_some(())
        })
        .await;
    }

    fn logged_since(&self, position: u64) -> String {
        let (mut log, mut text) = (&self.log, String::new());
        log.seek(SeekFrom::Start(position)).expect("the log can be read");
        log.read_to_string(&mut text).expect("the log is text");
        text
    }
}

/// Fills the databases as an operator would who wants to measure.
fn seed(suite: &Description) {
    let mut settings = String::new();
    for service in [Service::Identity, Service::Community] {
        let (name, url) = (service.name(), &suite.databases[&service]);
        let _ = write!(settings, "[{name}.database]\nurl = \"{url}\"\n");
    }
    let file = suite.folder.join("seed.toml");
    std::fs::write(&file, settings).expect("the folder is writable");
    program::run(&[["seed", "--config", &file.to_string_lossy()].as_slice(), SIZE.as_slice()].concat());
}

/// Starts the service again, so that its connections know the settings of the database, and without a sweeper, whose
/// statements nobody asks for.
async fn restart_quiet(suite: &mut Suite, service: Service) {
    let file = suite.description.settings_file(service, 0);
    let settings = std::fs::read_to_string(&file).expect("the settings are readable");
    let (often, seldom) = ("sweep_interval = \"1s\"", "sweep_interval = \"24h\"");
    assert!(settings.contains(often), "{settings}");
    std::fs::write(&file, settings.replace(often, seldom)).expect("the settings are writable");
    let running = &mut suite.processes.get_mut(&service).expect("it runs")[0];
    assert!(running.stop().is_some_and(|status| status.success()), "it ends orderly");
    let again = suite.process(service, 0).expect("it starts again");
    suite.processes.insert(service, vec![again]);
    suite.ready().await;
}
