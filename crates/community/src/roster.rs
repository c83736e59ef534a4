//! People of a community as others see them: who they are, how they belong, which roles they have and where these come from.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _};
use usher_api::community::{self as pb, Inheritance, MemberSource, MemberState, SuspendReason};
use usher_api::name::{CommunityName, MemberName, UserName};
use uuid::Uuid;

use crate::access::HeldRole;
use crate::entity::{community, member, member_role, person, role};
use crate::people;
use crate::role::RoleId;

/// Custom roles, to call roles by their names.
#[derive(Debug, Default)]
pub(crate) struct RoleNames(HashMap<Uuid, role::Model>);

impl RoleNames {
    /// Reads the custom roles among `roles`.
    pub(crate) async fn load(
        connection: &impl ConnectionTrait,
        roles: impl IntoIterator<Item = RoleId>,
    ) -> Result<Self, DbErr> {
        let custom: BTreeSet<Uuid> = roles.into_iter().filter_map(RoleId::custom).collect();
        if custom.is_empty() {
            return Ok(Self::default());
        }
        let rows = role::Entity::find().filter(role::Column::Id.is_in(custom)).all(connection).await?;
        Ok(Self(rows.into_iter().map(|row| (row.id, row)).collect()))
    }

    /// `held` as somebody in the community `here` has it.
    pub(crate) fn describe(&self, held: &HeldRole, here: CommunityName) -> pb::EffectiveRole {
        let (name, display_name) = match held.role {
            RoleId::BuiltIn(built_in) => {
                (held.role.in_community(held.given_in), built_in.display_name().to_owned())
            }
            RoleId::Custom(id) => match self.0.get(&id) {
                Some(row) => (row.name(), row.display_name.clone()),
                None => (held.role.in_community(held.given_in), String::new()),
            },
        };
        let inheritance = if held.inherits { Inheritance::SelfAndDescendants } else { Inheritance::Self_ };
        pb::EffectiveRole {
            role: name.to_string(),
            inherited_from: if held.given_in == here { String::new() } else { held.given_in.to_string() },
            invitation: held.invitation.clone(),
            display_name,
            inheritance: inheritance.into(),
            granted_by: held.granted_by.to_string(),
            grant_time: Some(held.grant_time.into()),
        }
    }
}

/// Some people of a community.
#[derive(Debug)]
pub(crate) struct Roster {
    here: CommunityName,
    members: HashMap<Uuid, member::Model>,
    /// Their memberships in the community above, of those who reach this one from there.
    above: HashMap<Uuid, member::Model>,
    roles: HashMap<Uuid, Vec<HeldRole>>,
    people: HashMap<Uuid, person::Model>,
    names: RoleNames,
}

impl Roster {
    /// Reads what there is to say of `users` in `community`, in four queries however many they are.
    pub(crate) async fn load(
        connection: &impl ConnectionTrait,
        community: &community::Model,
        users: &[Uuid],
    ) -> Result<Self, DbErr> {
        let here = community.name();
        let path = [community.id, community.root_id];
        let rows = member::Entity::find()
            .filter(member::Column::CommunityId.is_in(path))
            .filter(member::Column::UserId.is_in(users.iter().copied()))
            .filter(member::Column::State.ne(member::State::Removed))
            .all(connection)
            .await?;
        let (members, above): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.community_id == community.id);
        let by_user = |rows: Vec<member::Model>| -> HashMap<Uuid, member::Model> {
            rows.into_iter().map(|row| (row.user_id, row)).collect()
        };
        let given = member_role::Entity::find()
            .filter(member_role::Column::CommunityId.is_in(path))
            .filter(member_role::Column::UserId.is_in(users.iter().copied()))
            .all(connection)
            .await?;
        let mut roster = Self {
            here,
            members: by_user(members),
            above: by_user(above.into_iter().filter(|row| row.inherits).collect()),
            roles: HashMap::new(),
            people: people::find(connection, users.iter().copied()).await?,
            names: RoleNames::load(connection, given.iter().map(|row| row.role_id)).await?,
        };
        for row in given {
            roster.note_role(&row);
        }
        Ok(roster)
    }

    fn note_role(&mut self, row: &member_role::Model) {
        let direct = row.community_id == self.here.0;
        let belongs_to = if direct { self.members.get(&row.user_id) } else { self.above.get(&row.user_id) };
        let Some(member) = belongs_to.filter(|_| direct || row.inherits) else { return };
        let held = HeldRole {
            role: row.role_id,
            given_in: CommunityName(row.community_id),
            inherits: row.inherits,
            suspended: member.state != member::State::Active,
            invitation: row.invitation.clone(),
            granted_by: member_role::giver(row.granted_by, &row.granted_by_program),
            grant_time: row.create_time,
        };
        let roles = self.roles.entry(row.user_id).or_default();
        roles.push(held);
        roles.sort_by_key(|held| (held.role, held.inherits));
    }

    /// Whether `user` is a member or reaches the community from above.
    pub(crate) fn has(&self, user: Uuid) -> bool {
        self.members.contains_key(&user) || self.above.contains_key(&user)
    }

    /// What there is to say of `user`, without permissions.
    pub(crate) fn describe(&self, user: Uuid) -> pb::Member {
        let (member, above) = (self.members.get(&user), self.above.get(&user));
        let person = self.people.get(&user);
        let state = member.or(above).map_or(MemberState::Unspecified, |row| row.state.to_proto());
        let source = if member.is_some() { MemberSource::Direct } else { MemberSource::Inherited };
        let reason = member.or(above).and_then(|row| row.suspend_reason);
        let methods = person.map(|person| person.authentication_methods.as_str()).unwrap_or_default();
        pb::Member {
            name: MemberName { community: self.here, user }.to_string(),
            user: UserName(user).to_string(),
            display_name: person.map(|person| person.full_name.clone()).unwrap_or_default(),
            email: person.map(|person| person.email.clone()).unwrap_or_default(),
            state: state.into(),
            source: source.into(),
            roles: self.roles(user, |held| held.given_in == self.here),
            inherited_roles: self.roles(user, |held| held.given_in != self.here),
            permissions: Vec::new(),
            authentication_methods: methods
                .split(',')
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect(),
            register_time: person.map(|person| person.register_time.into()),
            last_seen_time: person.and_then(|person| person.last_seen_time).map(Into::into),
            suspend_reason: reason.map_or(SuspendReason::Unspecified, Into::into).into(),
            etag: member.map(|row| row.version.to_string()).unwrap_or_default(),
            create_time: member.map(|row| row.create_time.into()),
            update_time: member.map(|row| row.update_time.into()),
        }
    }

    fn roles(&self, user: Uuid, which: impl Fn(&HeldRole) -> bool) -> Vec<pb::EffectiveRole> {
        let held = self.roles.get(&user).into_iter().flatten().filter(|held| which(held));
        held.map(|held| self.names.describe(held, self.here)).collect()
    }
}
