//! Made-up trees of communities with members, many at a time, for measurements. No event tells of them.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, DbErr, EntityTrait, IntoActiveModel, Iterable as _};
use usher_api::name::CommunityName;
use usher_runtime::{Change, Database, Random, Timestamp};
use uuid::Uuid;

use crate::entity::community::{self, Kind, State};
use crate::entity::{member, member_role, person, revision, role, role_permission};
use crate::parse::{name_key, search_key};
use crate::role::{BuiltInRole, RoleId};

/// How many custom roles a made-up tree has.
const CUSTOM_ROLES: usize = 20;

/// An MSSP community with managed communities inside and custom roles.
#[derive(Clone, Debug)]
pub struct MadeUpTree {
    root: Uuid,
    inside: Vec<Uuid>,
    roles: Vec<Uuid>,
    create_time: Timestamp,
}

impl MadeUpTree {
    /// A tree with `inside` managed communities.
    #[must_use]
    pub fn new(ids: &Random, create_time: Timestamp, inside: u32) -> Self {
        Self {
            root: ids.uuid(create_time),
            inside: (0..inside).map(|_| ids.uuid(create_time)).collect(),
            roles: (0..CUSTOM_ROLES).map(|_| ids.uuid(create_time)).collect(),
            create_time,
        }
    }

    /// The community at the top.
    #[must_use]
    pub fn root(&self) -> CommunityName {
        CommunityName(self.root)
    }

    fn community(&self, id: Uuid, number: usize) -> community::Model {
        let top = id == self.root;
        let display_name =
            if top { "Seeded communities".to_owned() } else { format!("Seeded community {number}") };
        community::Model {
            id,
            kind: if top { Kind::Mssp } else { Kind::Managed },
            parent_id: (!top).then_some(self.root),
            root_id: self.root,
            state: State::Active,
            name_key: name_key(&display_name),
            search_key: search_key(&display_name, ""),
            display_name,
            description: String::new(),
            website_uri: String::new(),
            version: 1,
            create_time: self.create_time,
            update_time: self.create_time,
            delete_time: None,
            purge_time: None,
            image_id: String::new(),
        }
    }

    fn role(&self, id: Uuid, number: usize) -> role::Model {
        let display_name = format!("Seeded role {number}");
        role::Model {
            id,
            community_id: self.root,
            display_name_key: name_key(&display_name),
            display_name,
            description: "Made up for measurements.".to_owned(),
            version: 1,
            create_time: self.create_time,
            update_time: self.create_time,
        }
    }
}

/// A person who does not exist, and where he belongs.
#[derive(Clone, Debug)]
pub struct MadeUpMember {
    /// The id of the account.
    pub user: Uuid,
    /// His address.
    pub email: String,
    /// His name.
    pub full_name: String,
    /// When he came.
    pub create_time: Timestamp,
    /// Communities inside by their number, each with a number by which his role there is chosen.
    pub places: Vec<(usize, u8)>,
    /// Whether he is a member at the top: as its administrator, or as a guest of all inside.
    pub in_root: Option<bool>,
}

/// Inserts the communities and roles of `tree`, as far as they are not there.
pub async fn insert_tree(database: &Database, tree: &MadeUpTree) -> Result<(), DbErr> {
    let change = database.change().await?;
    let root = std::iter::once(tree.community(tree.root, 0));
    let inside = tree.inside.iter().enumerate().map(|(number, id)| tree.community(*id, number));
    insert(&change, root.chain(inside)).await?;
    insert(&change, [revision::Model { scope: tree.root, number: 1 }]).await?;
    insert(&change, tree.roles.iter().enumerate().map(|(number, id)| tree.role(*id, number))).await?;
    let permissions = ["communities.get", "members.list", "roles.list"];
    let held = tree.roles.iter().flat_map(|role| {
        permissions
            .map(|permission| role_permission::Model { role_id: *role, permission: permission.to_owned() })
    });
    insert(&change, held).await?;
    change.commit().await
}

/// Inserts `members` into `tree`, as far as they are not there.
pub async fn insert_members(
    database: &Database,
    tree: &MadeUpTree,
    members: &[MadeUpMember],
) -> Result<(), DbErr> {
    let change = database.change().await?;
    insert(&change, members.iter().map(person)).await?;
    insert(&change, members.iter().flat_map(|person| memberships(tree, person).map(|(row, _)| row))).await?;
    insert(&change, members.iter().flat_map(|person| memberships(tree, person).map(|(_, row)| row))).await?;
    change.commit().await
}

fn person(made_up: &MadeUpMember) -> person::Model {
    person::Model {
        user_id: made_up.user,
        version: 1,
        full_name: made_up.full_name.clone(),
        email: made_up.email.clone(),
        email_verified: true,
        authentication_methods: String::new(),
        register_time: made_up.create_time,
        last_seen_time: None,
        state: person::State::Active,
        state_version: 0,
        purge_time: None,
    }
}

fn memberships(
    tree: &MadeUpTree,
    made_up: &MadeUpMember,
) -> impl Iterator<Item = (member::Model, member_role::Model)> {
    let built_in = RoleId::BuiltIn;
    let at_top = made_up.in_root.map(|administers| {
        let role = built_in(if administers { BuiltInRole::Admin } else { BuiltInRole::Guest });
        membership(made_up, tree.root, role, true)
    });
    let inside = made_up.places.iter().map(|(place, number)| {
        let role = match number % 10 {
            0 => RoleId::Custom(tree.roles[usize::from(*number) % CUSTOM_ROLES]),
            1 => built_in(BuiltInRole::Admin),
            2..=4 => built_in(BuiltInRole::Analyst),
            _ => built_in(BuiltInRole::Guest),
        };
        membership(made_up, tree.inside[*place], role, false)
    });
    at_top.into_iter().chain(inside).collect::<Vec<_>>().into_iter()
}

fn membership(
    made_up: &MadeUpMember,
    community: Uuid,
    role: RoleId,
    inherits: bool,
) -> (member::Model, member_role::Model) {
    let member = member::Model {
        community_id: community,
        user_id: made_up.user,
        state: member::State::Active,
        inherits,
        name_key: name_key(&made_up.full_name),
        email_key: made_up.email.clone(),
        person_known: true,
        version: 1,
        create_time: made_up.create_time,
        update_time: made_up.create_time,
        suspend_reason: None,
        reactivate_time: None,
    };
    let role = member_role::Model {
        community_id: community,
        user_id: made_up.user,
        role_id: role,
        inherits,
        custom_role_id: role.custom(),
        invitation: String::new(),
        granted_by: made_up.user,
        granted_by_program: String::new(),
        create_time: made_up.create_time,
    };
    (member, role)
}

/// The most values in one statement: what SQLite takes.
const MOST_VALUES: usize = 32_766;

/// Inserts `rows` in few statements, leaving alone what is there.
async fn insert<M, A>(change: &Change, rows: impl IntoIterator<Item = M>) -> Result<(), DbErr>
where
    M: IntoActiveModel<A>,
    A: ActiveModelTrait,
{
    let mut rows: Vec<A> = rows.into_iter().map(|row| row.into_active_model().reset_all()).collect();
    let columns = <A::Entity as EntityTrait>::Column::iter().count();
    let most = MOST_VALUES / columns;
    while !rows.is_empty() {
        let some: Vec<A> = rows.drain(..rows.len().min(most)).collect();
        A::Entity::insert_many(some)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&**change)
            .await?;
    }
    Ok(())
}
