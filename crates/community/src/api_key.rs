//! API keys: what requests say of them, and who administers them. The identity service keeps what they are known by, and is told after
//! the change has been committed: authority ends or begins with the commit, the rest is repeated until it has been answered.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::{Condition, Expr, ExprTrait as _, Query};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QuerySelect as _,
};
use usher_api::community as pb;
use usher_api::identity::BatchGetApiKeyUsesRequest;
use usher_api::name::{ApiKeyName, ApiKeyOwner, CommunityName};
use usher_runtime::clock::micros;
use usher_runtime::{Caller, Change, Failure, Violations, database};
use uuid::Uuid;

use crate::authority;
use crate::connection::answered;
use crate::entity::api_key::{Column, Entity, Model};
use crate::entity::program_permission;
use crate::error::{Error, ProgramError};
use crate::tree::HeldCommunity;
use crate::{Community, parse, programs};

const DISPLAY_NAME_LENGTH: std::ops::RangeInclusive<usize> = 1..=100;
const DESCRIPTION_LENGTH: std::ops::RangeInclusive<usize> = 0..=1_000;
const MOST_PERMISSIONS: usize = 200;

/// The fields that people can change.
pub(crate) const FIELDS: [&str; 3] = ["display_name", "description", "permissions"];

/// Whether a request without a mask changes `field`.
pub(crate) fn is_filled(asked: &pb::ApiKey, field: &str) -> bool {
    match field {
        "display_name" => !asked.display_name.is_empty(),
        "description" => !asked.description.is_empty(),
        _ => !asked.permissions.is_empty(),
    }
}

/// Writes the texts of `mask` into `row`, and notes what is wrong with any field of it.
pub(crate) fn apply(
    row: &mut Model,
    asked: &pb::ApiKey,
    owner: Option<ApiKeyOwner>,
    mask: &BTreeSet<&str>,
    violations: &mut Violations,
) {
    if mask.contains("display_name") {
        row.display_name = violations.text("api_key.display_name", &asked.display_name, DISPLAY_NAME_LENGTH);
    }
    if mask.contains("description") {
        row.description = violations.text("api_key.description", &asked.description, DESCRIPTION_LENGTH);
    }
    row.search_key = parse::search_key(&row.display_name, &row.description);
    if mask.contains("permissions") {
        require_permissions("api_key.permissions", &asked.permissions, owner, violations);
    }
}

fn require_permissions(
    field: &str,
    permissions: &[String],
    owner: Option<ApiKeyOwner>,
    violations: &mut Violations,
) {
    match owner {
        Some(ApiKeyOwner::ServiceAccount(_)) => {
            violations.require(permissions.is_empty(), field, "must be empty: the account holds them");
        }
        Some(ApiKeyOwner::Community(_)) | None => {
            let number_fits = (1..=MOST_PERMISSIONS).contains(&permissions.len());
            violations.require(
                number_fits,
                field,
                format_args!("must hold 1 to {MOST_PERMISSIONS} permissions"),
            );
        }
    }
}

/// Refuses who may not do with the keys of `owner` what `permission` allows, be the community active or not.
pub(crate) async fn require(
    service: &Community,
    caller: &Caller,
    permission: &'static str,
    owner: ApiKeyOwner,
) -> Result<(), Error> {
    match owner {
        ApiKeyOwner::Community(community) => authority::require(service, caller, permission, community).await,
        ApiKeyOwner::ServiceAccount(_) => require_platform_admin(caller, permission, &owner),
    }
}

/// As [`require`], before something there is changed that only an active community can have changed.
pub(crate) async fn require_for_change(
    service: &Community,
    caller: &Caller,
    permission: &'static str,
    owner: ApiKeyOwner,
) -> Result<(), Error> {
    match owner {
        ApiKeyOwner::Community(community) => {
            authority::require_for_change(&*service.database, caller, permission, community).await
        }
        ApiKeyOwner::ServiceAccount(_) => require_platform_admin(caller, permission, &owner),
    }
}

/// Refuses who does not administer the platform.
pub(crate) fn require_platform_admin(
    caller: &Caller,
    permission: &str,
    resource: &impl ToString,
) -> Result<(), Error> {
    if caller.is_platform_admin() {
        return Ok(());
    }
    let (permission, resource) = (permission.to_owned(), resource.to_string());
    Err(Failure::PermissionDenied { permission, resource }.into())
}

/// The key of exactly this name.
pub(crate) async fn find(connection: &impl ConnectionTrait, name: ApiKeyName) -> Result<Model, Error> {
    let row = Entity::find_by_id(name.id).one(connection).await?;
    match row {
        Some(row) if row.name()? == name => Ok(row),
        _ => Err(ProgramError::ApiKeyNotFound(name).into()),
    }
}

/// Holds for the keys of `owner`.
pub(crate) fn of_owner(owner: ApiKeyOwner) -> Expr {
    match owner {
        ApiKeyOwner::Community(community) => Column::CommunityId.eq(community.0),
        ApiKeyOwner::ServiceAccount(account) => Column::ServiceAccountId.eq(account.0),
    }
}

/// Holds for keys in this state, by the database's clock.
pub(crate) fn in_state(connection: &impl ConnectionTrait, state: pb::ApiKeyState) -> Condition {
    let now = database::now(connection);
    let kept = Condition::all().add(Column::RevokeTime.is_null());
    match state {
        pb::ApiKeyState::Revoked => Condition::all().add(Column::RevokeTime.is_not_null()),
        pb::ApiKeyState::Expired => kept.add(Expr::col(Column::ExpireTime).lte(now)),
        pb::ApiKeyState::Active | pb::ApiKeyState::Unspecified => kept.add(
            Condition::any().add(Column::ExpireTime.is_null()).add(Expr::col(Column::ExpireTime).gt(now)),
        ),
    }
}

/// Refuses one more key, if `owner` has as many as the configuration allows. Whatever makes keys of his must be held.
pub(crate) async fn require_room(
    service: &Community,
    change: &Change,
    owner: ApiKeyOwner,
) -> Result<(), Error> {
    let active = in_state(&**change, pb::ApiKeyState::Active);
    let present = Entity::find().filter(of_owner(owner)).filter(active).count(&**change).await?;
    let limit = service.config.most_api_keys;
    if present < limit {
        Ok(())
    } else {
        Err(ProgramError::ApiKeyLimitReached { parent: owner, limit }.into())
    }
}

/// A key whose owner is held, so that nobody else changes it.
pub(crate) struct HeldKey {
    pub(crate) row: Model,
    /// The community that it is of, if it is one's.
    pub(crate) community: Option<HeldCommunity>,
}

impl HeldKey {
    /// Holds the key `name`.
    ///
    /// # Errors
    /// [`ProgramError::ApiKeyNotFound`], [`Failure::EtagMismatch`].
    pub(crate) async fn take(change: &Change, name: ApiKeyName, etag: &str) -> Result<Self, Error> {
        let community = match name.owner {
            ApiKeyOwner::Community(community) => Some(HeldCommunity::take(change, community).await?),
            ApiKeyOwner::ServiceAccount(_) => None,
        };
        let row = Entity::find_by_id(name.id).lock_exclusive().one(&**change).await?;
        let row = match row {
            Some(row) if row.name()? == name => row,
            _ => return Err(ProgramError::ApiKeyNotFound(name).into()),
        };
        crate::tree::require_etag(etag, row.version, &name)?;
        Ok(Self { row, community })
    }

    /// The community at the top of its tree, if it is a community's.
    pub(crate) fn root(&self) -> Option<CommunityName> {
        self.community.as_ref().map(|community| community.root.name())
    }

    /// The token of this write. Empty where nothing changes that is checked.
    pub(crate) fn consistency_token(&self, service: &Community) -> Result<String, Error> {
        let held = self.community.as_ref().map(|community| community.held);
        held.map_or_else(
            || Ok(String::new()),
            |held| crate::consistency::ConsistencyToken::seal(service, held),
        )
    }

    /// Writes what can change of the row, which counts this as a change.
    pub(crate) async fn write(&mut self, service: &Community, change: &Change) -> Result<(), Error> {
        self.row.version += 1;
        self.row.update_time = service.clock.now();
        let written = Entity::update_many()
            .col_expr(Column::DisplayName, Expr::value(self.row.display_name.as_str()))
            .col_expr(Column::Description, Expr::value(self.row.description.as_str()))
            .col_expr(Column::SearchKey, Expr::value(self.row.search_key.as_str()))
            .col_expr(Column::RevokeTime, Expr::value(self.row.revoke_time))
            .col_expr(Column::Version, Expr::value(self.row.version))
            .col_expr(Column::UpdateTime, Expr::value(self.row.update_time))
            .filter(Column::Id.eq(self.row.id))
            .exec(&**change)
            .await?;
        if written.rows_affected == 1 { Ok(()) } else { Err(Failure::ConcurrentChange.into()) }
    }
}

/// The resources, with their permissions, but not when they were used.
pub(crate) async fn describe(
    service: &Community,
    connection: &impl ConnectionTrait,
    rows: &[Model],
) -> Result<Vec<pb::ApiKey>, Error> {
    let mut permissions: HashMap<Uuid, Vec<String>> = HashMap::new();
    for given in programs::given_to(connection, rows.iter().map(|row| row.id)).await? {
        permissions.entry(given.program_id).or_default().push(given.permission);
    }
    let now = service.clock.now();
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        keys.push(row.to_proto(permissions.remove(&row.id).unwrap_or_default(), now)?);
    }
    Ok(keys)
}

/// Adds when the keys were used, which the identity service knows. Must not be called within a change.
pub(crate) async fn note_uses(service: &Community, keys: &mut [pb::ApiKey]) -> Result<(), Failure> {
    if keys.is_empty() {
        return Ok(());
    }
    let names = keys.iter().map(|key| key.name.clone()).collect();
    let request = BatchGetApiKeyUsesRequest { names };
    let answer = answered(service.identity.clone().batch_get_api_key_uses(request).await)?;
    let mut uses: HashMap<String, _> =
        answer.uses.into_iter().map(|it| (it.name, it.last_use_time)).collect();
    for key in keys {
        key.last_use_time = uses.remove(&key.name).flatten();
    }
    Ok(())
}

/// Forgets keys that ended long ago.
pub(crate) async fn forget_ended(service: &Community) -> Result<(), Error> {
    let connection = &*service.database;
    let ago = database::now(connection).sub(micros(service.config.ended_api_key_life));
    let over = Condition::any()
        .add(Expr::col(Column::RevokeTime).lt(ago.clone()))
        .add(Expr::col(Column::ExpireTime).lt(ago));
    let ended = Query::select().column(Column::Id).from(Entity).cond_where(over.clone()).to_owned();
    program_permission::Entity::delete_many()
        .filter(program_permission::Column::ProgramId.in_subquery(ended))
        .exec(connection)
        .await?;
    Entity::delete_many().filter(over).exec(connection).await?;
    Ok(())
}
