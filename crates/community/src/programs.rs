//! What was given to programs, API keys of communities and service accounts: judging it when it is given, writing it, and reading it
//! for what `access.rs` judges.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, JoinType,
    QueryFilter as _, QueryOrder as _, QueryResult, Select,
};
use usher_api::community::{ApiKeyState, Inheritance};
use usher_api::name::{CommunityName, PrincipalName};
use usher_runtime::{Actor, Change, Timestamp, Violations};
use uuid::Uuid;

use crate::access::{HeldPermission, Obstacle, Reach, Standing, beyond_maker};
use crate::api_key::in_state;
use crate::authority::{Holdings, Question, asked_permission, asked_user, denied};
use crate::catalogue::{Catalogue, REPRESENT};
use crate::entity::community::Kind;
use crate::entity::{api_key, program_permission, service_account};
use crate::error::{Error, ProgramError};
use crate::tree::HeldCommunity;

/// The programs among those who are asked about, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    by_id: HashMap<Uuid, BTreeSet<PrincipalName>>,
    users: BTreeSet<Uuid>,
}

impl Programs {
    pub(crate) fn among(asked: &BTreeSet<Question>) -> Self {
        let mut programs = Self::default();
        for (principal, ..) in asked {
            match principal.user() {
                Some(user) => {
                    programs.users.insert(user.0);
                }
                None => {
                    programs.by_id.entry(principal.id()).or_default().insert(*principal);
                }
            }
        }
        programs
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The programs that were asked about by names with this id. More than one, if somebody made a name up.
    pub(crate) fn with_id(&self, id: Uuid) -> impl Iterator<Item = PrincipalName> {
        self.by_id.get(&id).into_iter().flatten().copied()
    }

    /// Whether a person with this id was asked about.
    pub(crate) fn asks_about_user(&self, id: Uuid) -> bool {
        self.users.contains(&id)
    }
}

/// Adds to a statement that reads where people stand what was given to programs in `place`, and whether they are good `now`.
pub(crate) fn join_what_was_given(select: &mut SelectStatement, place: &Expr, now: Expr) {
    use program_permission::{Column, Entity};
    let of_program = |entity_column: Expr| entity_column.equals(asked_user());
    let asked = Condition::any()
        .add(Expr::col(asked_permission()).eq(""))
        .add(Expr::col((Entity, Column::Permission)).equals(asked_permission()))
        .add(Expr::col((Entity, Column::Permission)).eq(REPRESENT));
    let given = Condition::all()
        .add(of_program(Expr::col((Entity, Column::ProgramId))))
        .add(Expr::col((Entity, Column::CommunityId)).eq(place.clone()))
        .add(asked);
    let key = |column| Expr::col((api_key::Entity, column));
    let account = |column| Expr::col((service_account::Entity, column));
    select
        .join(JoinType::LeftJoin, Entity, given)
        .join(JoinType::LeftJoin, api_key::Entity, of_program(key(api_key::Column::Id)))
        .join(JoinType::LeftJoin, service_account::Entity, of_program(account(service_account::Column::Id)))
        .expr_as(Expr::col((Entity, Column::Permission)), Alias::new("given_permission"))
        .expr_as(Expr::col((Entity, Column::CommunityId)), Alias::new("given_in"))
        .expr_as(Expr::col((Entity, Column::Inherits)), Alias::new("given_inherits"))
        .expr_as(key(api_key::Column::CommunityId), Alias::new("key_community"))
        .expr_as(key(api_key::Column::RevokeTime), Alias::new("key_revoke_time"))
        .expr_as(key(api_key::Column::ExpireTime), Alias::new("key_expire_time"))
        .expr_as(account(service_account::Column::Enabled), Alias::new("account_enabled"))
        .expr_as(now, Alias::new("now"));
}

/// Notes what was given to `program` by a row of such a statement. Nothing if there is no program of exactly this name.
pub(crate) fn note_given(
    row: &QueryResult,
    program: PrincipalName,
    standing: &mut Standing,
) -> Result<(), DbErr> {
    let ended = match program {
        PrincipalName::User(_) => return Ok(()),
        PrincipalName::ApiKey { community, .. } => {
            if row.try_get::<Option<Uuid>>("", "key_community")? != Some(community.0) {
                return Ok(());
            }
            let expire_time: Option<Timestamp> = row.try_get("", "key_expire_time")?;
            let now: i64 = row.try_get("", "now")?;
            match row.try_get::<Option<Timestamp>>("", "key_revoke_time")? {
                Some(_) => Some(Obstacle::KeyRevoked),
                None => expire_time.filter(|time| time.0 <= now).map(|_| Obstacle::KeyExpired),
            }
        }
        PrincipalName::ServiceAccount(_) => match row.try_get::<Option<bool>>("", "account_enabled")? {
            None => return Ok(()),
            Some(enabled) => (!enabled).then_some(Obstacle::AccountDisabled),
        },
    };
    let Some(permission) = row.try_get::<Option<String>>("", "given_permission")? else { return Ok(()) };
    let given_in = CommunityName(row.try_get("", "given_in")?);
    let held = HeldPermission { permission, given_in, inherits: row.try_get("", "given_inherits")?, ended };
    // Once, though there is a row for each permission that was asked about.
    if !standing.given.contains(&held) {
        standing.given.push(held);
    }
    Ok(())
}

/// What a program is to get in a community whose tree is held.
pub(crate) struct Asked<'a> {
    /// The field of the request that holds it.
    pub(crate) field: &'a str,
    pub(crate) permissions: &'a [String],
    pub(crate) inheritance: Inheritance,
}

/// What a program gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gift {
    pub(crate) permissions: BTreeSet<String>,
    pub(crate) inherits: bool,
}

impl Asked<'_> {
    /// What `giver` gives, if he holds `power` there, and every permission as far as it is to reach. What the program has already, by
    /// `before`, he need not hold.
    ///
    /// # Errors
    /// [`Error::UnknownPermission`], [`ProgramError::ApiKeyExceedsAuthority`], [`usher_runtime::Failure::PermissionDenied`].
    pub(crate) async fn judge(
        &self,
        change: &Change,
        community: &HeldCommunity,
        giver: Actor,
        power: &str,
        before: Option<&Gift>,
    ) -> Result<Gift, Error> {
        let (place, kind) = (community.row.name(), community.row.kind);
        let mut violations = Violations::default();
        let fits = kind == Kind::Mssp || self.inheritance != Inheritance::SelfAndDescendants;
        let field = format!("{}.inheritance", self.field);
        violations.require(fits, field, "must be SELF in a managed community, which has none inside");
        violations.finish()?;
        let reach = if self.inheritance == Inheritance::Self_ { Reach::Here } else { Reach::of(kind) };

        let holdings = Holdings::load(&**change, [(giver, place)]).await?;
        let catalogue = Catalogue::load(&**change, holdings.custom_roles()).await?;
        let standing = holdings.of(giver, place);
        if !standing.permissions(&catalogue, Reach::Here).contains(power) {
            return Err(denied(power, place).into());
        }
        let permissions = catalogue.known(self.permissions)?;
        let kept = |permission: &str| {
            before.is_some_and(|before| {
                (before.inherits || reach == Reach::Here) && before.permissions.contains(permission)
            })
        };
        let gained = permissions.iter().map(String::as_str).filter(|permission| !kept(permission)).collect();
        let beyond = beyond_maker(&standing.permissions(&catalogue, reach), &gained);
        if !beyond.is_empty() {
            return Err(ProgramError::ApiKeyExceedsAuthority { community: place, permissions: beyond }.into());
        }
        Ok(Gift { permissions, inherits: reach == Reach::Subtree })
    }
}

/// What programs hold of `names` that have not ended, by name. What others held goes with the permission.
pub(crate) fn holding(
    connection: &impl ConnectionTrait,
    names: &BTreeSet<&str>,
) -> Select<program_permission::Entity> {
    use program_permission::{Column, Entity};
    let ended = Condition::any()
        .add(in_state(connection, ApiKeyState::Revoked))
        .add(in_state(connection, ApiKeyState::Expired));
    let ended =
        Query::select().column(api_key::Column::Id).from(api_key::Entity).cond_where(ended).to_owned();
    Entity::find()
        .filter(Column::Permission.is_in(names.iter().copied()))
        .filter(Column::ProgramId.not_in_subquery(ended))
        .order_by_asc(Column::Permission)
        .order_by_asc(Column::ProgramId)
        .order_by_asc(Column::CommunityId)
}

/// What was given to each of these programs, in order.
pub(crate) async fn given_to(
    connection: &impl ConnectionTrait,
    programs: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<program_permission::Model>, DbErr> {
    use program_permission::{Column, Entity};
    Entity::find()
        .filter(Column::ProgramId.is_in(programs))
        .order_by_asc(Column::ProgramId)
        .order_by_asc(Column::CommunityId)
        .order_by_asc(Column::Permission)
        .all(connection)
        .await
}

/// Makes `gift` all that `program` has in `community`, whose tree must be held.
pub(crate) async fn give(
    change: &Change,
    program: Uuid,
    community: CommunityName,
    gift: &Gift,
) -> Result<(), DbErr> {
    use program_permission::{ActiveModel, Column, Entity, Model};
    Entity::delete_many()
        .filter(Column::ProgramId.eq(program))
        .filter(Column::CommunityId.eq(community.0))
        .exec(&**change)
        .await?;
    let rows = gift.permissions.iter().map(|permission| {
        let row = Model {
            program_id: program,
            community_id: community.0,
            permission: permission.clone(),
            inherits: gift.inherits,
        };
        ActiveModel::from(row).reset_all()
    });
    if gift.permissions.is_empty() {
        return Ok(());
    }
    Entity::insert_many(rows).exec_without_returning(&**change).await?;
    Ok(())
}
