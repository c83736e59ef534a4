//! A service's database, PostgreSQL or SQLite, and the one way to change it.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    EntityTrait as _, SqliteTransactionMode, TransactionOptions, TransactionTrait as _,
};
use sea_orm_migration::{MigratorTrait, SchemaManager, seaql_migrations};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};

/// `[<service>.database]`: where a service keeps its rows. No two services share a database.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host/name` or `sqlite://path?mode=rwc`.
    #[serde(serialize_with = "crate::masked::url")]
    pub url: SecretString,
    /// The most connections at a time.
    #[serde(default = "default_max_connections")]
    pub max_connections: u32,
    /// How long a call waits for a connection before it answers UNAVAILABLE.
    #[serde(default = "default_acquire_timeout", with = "humantime_serde")]
    pub acquire_timeout: Duration,
    /// How long a statement may take on PostgreSQL, and how long a transaction may wait for its next one: a process that stands still
    /// in its middle holds locks no longer.
    #[serde(default = "default_statement_timeout", with = "humantime_serde")]
    pub statement_timeout: Duration,
}

fn default_max_connections() -> u32 {
    10
}

fn default_acquire_timeout() -> Duration {
    Duration::from_secs(3)
}

fn default_statement_timeout() -> Duration {
    Duration::from_secs(10)
}

impl DatabaseConfig {
    /// The documented defaults with this URL.
    #[must_use]
    pub fn at(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            max_connections: default_max_connections(),
            acquire_timeout: default_acquire_timeout(),
            statement_timeout: default_statement_timeout(),
        }
    }
}

/// A pool of connections. Reads go through it directly; changes through [`Database::change`].
#[derive(Clone, Debug)]
pub struct Database {
    connection: DatabaseConnection,
    events_recorded: Arc<Notify>,
    /// SQLite has one writer, and those who wait for it poll, so that one of them may never come to its turn. Here they
    /// queue. None on PostgreSQL.
    turn: Option<Arc<Mutex<()>>>,
}

impl Database {
    /// Opens the pool, lazily on PostgreSQL: a server that is away now may come back, and readiness tells until then.
    pub async fn connect(config: &DatabaseConfig) -> Result<Self, DbErr> {
        let mut options = ConnectOptions::new(config.url.expose_secret());
        let statement_timeout = config.statement_timeout;
        options
            .max_connections(config.max_connections)
            .acquire_timeout(config.acquire_timeout)
            .sqlx_logging(false)
            .connect_lazy(true)
            .map_sqlx_postgres_opts(move |postgres| {
                let millis = statement_timeout.as_millis().to_string();
                postgres.options([
                    ("statement_timeout", millis.as_str()),
                    ("idle_in_transaction_session_timeout", millis.as_str()),
                ])
            })
            .map_sqlx_sqlite_opts(|sqlite| {
                use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
                // WAL lets readers go on beside the one writer; FULL makes every commit survive a power cut.
                sqlite
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(Duration::from_secs(5))
                    .foreign_keys(true)
            });
        let connection = sea_orm::Database::connect(options).await?;
        let sqlite = connection.get_database_backend() == DbBackend::Sqlite;
        let turn = sqlite.then(|| Arc::new(Mutex::new(())));
        Ok(Self { connection, events_recorded: Arc::new(Notify::new()), turn })
    }

    /// Begins a change. Everything that one RPC writes is written through one change, events included; dropping it undoes
    /// all. Do not call a neighbour while one is open, and do not read past it through the pool.
    pub async fn change(&self) -> Result<Change, DbErr> {
        // A SQLite transaction that begins as a reader cannot become a writer while another writes.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let turn = match &self.turn {
            Some(turn) => Some(turn.clone().lock_owned().await),
            None => None,
        };
        let transaction = self.connection.begin_with_options(options).await?;
        Ok(Change { transaction, events_recorded: self.events_recorded.clone(), _turn: turn })
    }

    /// Fires when a change may have recorded events.
    #[must_use]
    pub fn events_recorded(&self) -> Arc<Notify> {
        self.events_recorded.clone()
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.connection.ping().await
    }

    /// Applies the migrations that are missing, all or none: a step that is half applied could never be applied again.
    pub async fn migrate<M: MigratorTrait>(&self) -> Result<(), DbErr> {
        let change = self.change().await?;
        M::up(&*change, None).await?;
        change.commit().await
    }

    /// The names of the migrations that are missing. Changes nothing. Migrations that only a newer program knows are no
    /// trouble: while a new version is rolled out, the old one serves on beside it.
    pub async fn missing_migrations<M: MigratorTrait>(&self) -> Result<Vec<String>, DbErr> {
        let recorded = SchemaManager::new(&self.connection).has_table("seaql_migrations").await?;
        let applied =
            if recorded { seaql_migrations::Entity::find().all(&self.connection).await? } else { Vec::new() };
        let applied: HashSet<_> = applied.into_iter().map(|migration| migration.version).collect();
        let known = M::migrations().into_iter().map(|migration| migration.name().to_owned());
        Ok(known.filter(|name| !applied.contains(name)).collect())
    }
}

impl Deref for Database {
    type Target = DatabaseConnection;

    fn deref(&self) -> &DatabaseConnection {
        &self.connection
    }
}

/// An open transaction. See [`Database::change`].
#[derive(Debug)]
pub struct Change {
    transaction: DatabaseTransaction,
    events_recorded: Arc<Notify>,
    /// Dropped after the transaction.
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Change {
    /// Makes the change last, and wakes the relay.
    ///
    /// # Errors
    /// An error means that it is *unknown* whether the change lasts: the client repeats the call with its `request_id`.
    pub async fn commit(self) -> Result<(), DbErr> {
        self.transaction.commit().await?;
        self.events_recorded.notify_one();
        Ok(())
    }
}

impl Deref for Change {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}

/// The database's clock in microseconds since 1970, for predicates that decide, such as an expiry: all replicas share it,
/// and on PostgreSQL it goes on within a transaction, so that waiting for a lock does not turn time back.
///
/// The one expression that differs by database.
pub fn now(connection: &impl ConnectionTrait) -> SimpleExpr {
    match connection.get_database_backend() {
        DbBackend::Postgres => Expr::cust("(date_part('epoch', clock_timestamp()) * 1000000)::bigint"),
        _ => Expr::cust("cast(unixepoch('subsec') * 1000000 as integer)"),
    }
}
