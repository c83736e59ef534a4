//! Where a process can be killed: just before a commit lasts, or just after, without having heard of it; and where it can be stopped
//! in the middle of a transaction.

use std::time::Duration;

use sandbox::{Description, Service, until};
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, Statement, TransactionTrait as _,
};

/// A change of a table.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Whose table.
    pub service: Service,
    /// Which.
    pub table: &'static str,
    /// `INSERT`, or `UPDATE OF column`.
    pub event: &'static str,
    /// Of which rows, as a condition on `NEW`.
    pub rows: &'static str,
}

/// Those who make the change come here and wait.
pub struct Standstill {
    point: Point,
    database: DatabaseConnection,
    holder: DatabaseTransaction,
}

/// The lock that commits wait for.
const LOCK: i64 = 4_711;

impl Standstill {
    /// From now on they wait when they commit.
    pub async fn at(suite: &Description, point: Point) -> Self {
        // A deferred trigger runs in the commit.
        Self::when(suite, point, "DEFERRABLE INITIALLY DEFERRED").await
    }

    /// From now on they wait when they have written, in the middle of their transaction.
    pub async fn within(suite: &Description, point: Point) -> Self {
        Self::when(suite, point, "NOT DEFERRABLE").await
    }

    async fn when(suite: &Description, point: Point, moment: &str) -> Self {
        let mut options = sea_orm::ConnectOptions::new(&suite.databases[&point.service]);
        options.max_connections(4).acquire_timeout(Duration::from_secs(10)).sqlx_logging(false);
        let database = sea_orm::Database::connect(options).await.unwrap();
        let holder = database.begin().await.unwrap();
        holder.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await.unwrap();
        let Point { table, event, rows, .. } = point;
        let trigger = format!(
            "CREATE OR REPLACE FUNCTION stand_still() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_advisory_xact_lock_shared({LOCK}); RETURN NULL; END $$; \
             CREATE CONSTRAINT TRIGGER stand_still AFTER {event} ON {table} {moment} \
             FOR EACH ROW WHEN ({rows}) EXECUTE FUNCTION stand_still()"
        );
        database.execute_unprepared(&trigger).await.unwrap();
        Self { point, database, holder }
    }

    /// Waits until somebody does.
    pub async fn is_reached(&self) {
        until(&format!("somebody stands still: {:?}", self.point), || async {
            (!self.waiting().await.is_empty()).then_some(())
        })
        .await;
    }

    /// Lets what waits last, or ends it, as if its process had died a moment later or earlier. See [`Standstill::undo`].
    pub async fn decide(self, lasts: bool) {
        if lasts {
            self.end().await;
        } else {
            self.undo().await;
        }
    }

    /// Ends those who wait, as if they had never come to their commit. Their process must be dead, or stand still.
    pub async fn undo(self) {
        // Again and again: what the dead had asked a neighbour for may come to its commit only now.
        until("they have ended", || async {
            let waiting = self.waiting().await;
            for process in &waiting {
                let end = format!("SELECT pg_terminate_backend({process})");
                self.database.execute_unprepared(&end).await.unwrap();
            }
            waiting.is_empty().then_some(())
        })
        .await;
        self.end().await;
    }

    /// Lets them go on from here, and all who come later, without waiting for the end of their transactions.
    pub async fn pass(self) {
        self.holder.rollback().await.unwrap();
    }

    /// Lets the commits be done, and waits for it.
    pub async fn end(self) {
        self.holder.rollback().await.unwrap();
        // Waits for the transactions that have used the table.
        let trigger = format!("DROP TRIGGER stand_still ON {}", self.point.table);
        self.database.execute_unprepared(&trigger).await.unwrap();
    }

    /// The processes of the server whose commits wait.
    async fn waiting(&self) -> Vec<i32> {
        let sql = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let statement = Statement::from_string(self.database.get_database_backend(), sql);
        let rows = self.database.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get("", "pid").unwrap()).collect()
    }
}
