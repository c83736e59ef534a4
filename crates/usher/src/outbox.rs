//! `usher outbox`: events on their way out of the services' databases, and those that consumers could not deal with. Each command
//! works on the databases; the running replicas follow by themselves.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{Condition, QueryOrder as _, QuerySelect as _};
use usher_runtime::{Database, Timestamp, dead_letter, outbox, reconciler};

use crate::arguments::outbox::{Letters, Outbox, State, Which};
use crate::config::{Config, check_databases};
use crate::databases::Databases;
use crate::service::Service;
use crate::trouble::Trouble;

/// Does what the command says.
pub async fn run(config: &Config, command: &Outbox) -> Result<(), Trouble> {
    let services = services(command);
    check_databases(config, &services)?;
    let databases = Databases::open(config, &services).await?;
    databases.check_schema().await?;
    for (service, database) in databases.iter() {
        let outcome = match command {
            Outbox::List { state, resource, limit, .. } => {
                list(service, database, *state, resource.as_deref(), *limit).await
            }
            Outbox::Replay { which, .. } => replay(service, database, which).await,
            Outbox::DeadLetters(_) => list_dead_letters(service, database).await,
            Outbox::Redrive { letters, .. } => redrive(service, database, letters).await,
        };
        outcome.map_err(Trouble::database(service))?;
    }
    Ok(())
}

fn services(command: &Outbox) -> Vec<Service> {
    match command {
        Outbox::List { selection, .. } | Outbox::DeadLetters(selection) => selection.services(),
        Outbox::Replay { service, .. } | Outbox::Redrive { service, .. } => vec![*service],
    }
}

async fn list(
    service: Service,
    database: &Database,
    state: State,
    resource: Option<&str>,
    limit: u64,
) -> Result<(), DbErr> {
    let standing = reconciler::standing(database).await?;
    println!(
        "{}: {} wait to be published, the oldest for {} s; {} published but not confirmed",
        service.name(),
        standing.backlog,
        standing.oldest_age.as_secs(),
        standing.unconfirmed,
    );
    let rows = outbox::Entity::find()
        .filter(in_state(state))
        .filter(
            resource.map_or(Condition::all(), |name| Condition::all().add(outbox::Column::Resource.eq(name))),
        )
        .order_by_asc(outbox::Column::OccurTime)
        .order_by_asc(outbox::Column::Id)
        .limit(limit)
        .all(&**database)
        .await?;
    for row in rows {
        let (when, far) = (row.occur_time.rfc3339(), far(&row));
        println!(
            "  {}  {when:<28}{far:<13}{:>3} attempts  {:<28}{}",
            row.id, row.attempts, row.kind, row.resource
        );
    }
    Ok(())
}

fn in_state(state: State) -> Condition {
    use outbox::Column::{ConfirmTime, PublishTime};
    match state {
        State::Open => Condition::all().add(ConfirmTime.is_null()),
        State::Waiting => Condition::all().add(PublishTime.is_null()),
        State::Unconfirmed => Condition::all().add(PublishTime.is_not_null()).add(ConfirmTime.is_null()),
        State::Confirmed => Condition::all().add(ConfirmTime.is_not_null()),
        State::All => Condition::all(),
    }
}

fn far(row: &outbox::Model) -> &'static str {
    match (row.publish_time, row.confirm_time) {
        (None, _) => "waiting",
        (Some(_), None) => "unconfirmed",
        (Some(_), Some(_)) => "confirmed",
    }
}

async fn replay(service: Service, database: &Database, which: &Which) -> Result<(), DbErr> {
    use outbox::Column::{Id, OccurTime, Resource};
    let condition = Condition::all()
        .add_option(which.id.map(|id| Id.eq(id)))
        .add_option(which.resource.as_ref().map(|name| Resource.eq(name)))
        .add_option(which.since.map(|Timestamp(since)| Expr::col(OccurTime).gte(since)));
    let events = reconciler::replay(database, condition).await?;
    println!("{}: {events} events will be published again", service.name());
    Ok(())
}

async fn list_dead_letters(service: Service, database: &Database) -> Result<(), DbErr> {
    let letters = dead_letter::Entity::find()
        .order_by_asc(dead_letter::Column::CreateTime)
        .order_by_asc(dead_letter::Column::Id)
        .all(&**database)
        .await?;
    println!("{}: {} dead letters", service.name(), letters.len());
    for letter in letters {
        println!(
            "  {}  {}  {}  {} attempts  {} {}: {}",
            letter.id,
            letter.create_time.rfc3339(),
            letter.consumer,
            letter.attempts,
            letter.kind,
            letter.resource,
            letter.reason,
        );
    }
    Ok(())
}

async fn redrive(service: Service, database: &Database, letters: &Letters) -> Result<(), DbErr> {
    let which = Condition::all().add_option(letters.id.map(|id| dead_letter::Column::Id.eq(id)));
    let change = database.change().await?;
    let asked = dead_letter::redrive(&change, which).await?;
    change.commit().await?;
    println!("{}: {asked} dead letters will be handed over again", service.name());
    Ok(())
}
