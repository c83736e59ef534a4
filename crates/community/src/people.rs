//! What the identity service says of people, copied for lists. The copy follows its events; nothing of it decides about access.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _,
};
use tonic::Code;
use usher_api::identity::{GetUserRequest, User};
use usher_api::name::UserName;
use usher_runtime::{Change, EmailAddress, Failure, Timestamp};
use uuid::Uuid;

use crate::Community;
use crate::entity::{member, person};
use crate::parse::name_key;

/// The copies of these people, as far as there are any.
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    users: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, person::Model>, DbErr> {
    let users: BTreeSet<Uuid> = users.into_iter().collect();
    let rows = person::Entity::find().filter(person::Column::UserId.is_in(users)).all(connection).await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row)).collect())
}

/// The copy of `user`, which is made if there is none. `None` if he has no account. Asks the identity service, so it must
/// not be called within a change.
pub(crate) async fn know(service: &Community, user: UserName) -> Result<Option<person::Model>, Failure> {
    if let Some(known) = find(&*service.database, [user.0]).await?.remove(&user.0) {
        return Ok(Some(known));
    }
    learn(service, user).await
}

/// Asks the identity service about `user` and keeps what it says, there and in his memberships. `None` if he has no account.
pub(crate) async fn learn(service: &Community, user: UserName) -> Result<Option<person::Model>, Failure> {
    let answer = service.identity.clone().get_user(GetUserRequest { name: user.to_string() }).await;
    let told = match answer {
        Ok(answer) => answer.into_inner().user,
        Err(status) if status.code() == Code::NotFound => None,
        Err(status) => return Err(Failure::from_neighbour("identity", status)),
    };
    let change = service.database.change().await?;
    let Some(told) = told else {
        // Nobody will ever know more, so nobody needs to ask again.
        update_keys(&change, user.0, None).await?;
        change.commit().await?;
        return Ok(None);
    };
    let row = read(user, &told)?;
    if keep(&change, &row).await? {
        update_keys(&change, user.0, Some(&row)).await?;
    }
    change.commit().await?;
    Ok(Some(row))
}

fn read(user: UserName, told: &User) -> Result<person::Model, Failure> {
    let version = told.etag.parse().map_err(Failure::internal)?;
    let moment = |time: &prost_types::Timestamp| Timestamp::from(*time);
    Ok(person::Model {
        user_id: user.0,
        version,
        full_name: told.full_name.clone(),
        email: told.email.clone(),
        email_verified: told.email_verified,
        authentication_methods: told.authentication_methods.join(","),
        register_time: told.create_time.as_ref().map_or(Timestamp(0), moment),
        last_seen_time: told.last_seen_time.as_ref().map(moment),
        state: person::State::Active,
        state_version: 0,
        purge_time: None,
    })
}

/// Keeps `row` unless something newer is known. Returns whether it was kept.
async fn keep(change: &Change, row: &person::Model) -> Result<bool, DbErr> {
    use person::Column;
    let columns = [
        Column::Version,
        Column::FullName,
        Column::Email,
        Column::EmailVerified,
        Column::AuthenticationMethods,
        Column::RegisterTime,
    ];
    let known = Expr::col((person::Entity, Column::Version));
    let newer = OnConflict::column(Column::UserId)
        .update_columns(columns)
        .action_and_where(known.lte(row.version))
        .to_owned();
    let insert =
        person::Entity::insert(person::ActiveModel::from(row.clone()).reset_all()).on_conflict(newer);
    let kept = insert.exec_without_returning(&**change).await? > 0;
    if let Some(time) = row.last_seen_time {
        note_seen(&**change, row.user_id, time).await?;
    }
    Ok(kept)
}

/// Notes that the person was seen at `time`, unless he was seen later.
pub(crate) async fn note_seen(
    connection: &impl ConnectionTrait,
    user: Uuid,
    time: Timestamp,
) -> Result<(), DbErr> {
    use person::Column;
    person::Entity::update_many()
        .col_expr(Column::LastSeenTime, Expr::value(time))
        .filter(Column::UserId.eq(user))
        .filter(Column::LastSeenTime.is_null().or(Column::LastSeenTime.lt(time)))
        .exec(connection)
        .await?;
    Ok(())
}

/// What memberships of `person` are ordered and searched by: name and address.
pub(crate) fn keys(person: Option<&person::Model>) -> (String, String) {
    let email = |typed: &str| {
        typed.parse::<EmailAddress>().map_or_else(|_| name_key(typed), |it| it.canonical().to_owned())
    };
    person.map_or_else(Default::default, |person| (name_key(&person.full_name), email(&person.email)))
}

/// Deletes the copy, and the name and address in memberships.
pub(crate) async fn forget(change: &Change, user: UserName) -> Result<(), DbErr> {
    person::Entity::delete_by_id(user.0).exec(&**change).await?;
    update_keys(change, user.0, None).await
}

async fn update_keys(change: &Change, user: Uuid, person: Option<&person::Model>) -> Result<(), DbErr> {
    let (name, email) = keys(person);
    member::Entity::update_many()
        .col_expr(member::Column::NameKey, Expr::value(name))
        .col_expr(member::Column::EmailKey, Expr::value(email))
        .col_expr(member::Column::PersonKnown, Expr::value(true))
        .filter(member::Column::UserId.eq(user))
        .exec(&**change)
        .await?;
    Ok(())
}
