//! Ids that do not belong together. Whoever names a member, a role or a connection under a community that is not its own gets nothing, is told
//! nothing, and changes nothing, whatever he may do elsewhere.

use std::collections::BTreeSet;

use prost_types::FieldMask;
use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{
    CreateMemberRequest, DeleteConnectionRequest, DeleteMemberRequest, DeleteRoleRequest,
    GetConnectionRequest, GetMemberRequest, GetRoleRequest, GetRoleUsageRequest, Member,
    ReactivateMemberRequest, ResetMemberTwoFactorRequest, Role, SuspendMemberRequest,
    UpdateConnectionRequest, UpdateMemberRequest, UpdateRoleRequest,
};
use usher_api::identity::Connection;

use super::{alone, denied, enrol, given, holder, seen, somebody};
use crate::support::acts::{delete_community, member_name};
use crate::support::address;
use crate::support::oidc::{create, draft};
use crate::support::people::{Person, account, admin};
use crate::support::refusal::refused;
use crate::support::tree::{managed, mssp, role};

/// A community with one member, one custom role and one connection of its own.
struct Place {
    name: String,
    member: String,
    role: String,
    connection: String,
}

/// Communities in every relation to one inside an MSSP community.
struct Scene {
    admin: Person,
    own: Place,
    sibling: Place,
    parent: Place,
    unrelated: Place,
    /// Beside it, too.
    deleted: Place,
}

impl Scene {
    async fn new() -> Self {
        let admin = admin().await;
        let (tree, unrelated) = (mssp(&admin, 3).await, managed(&admin).await);
        let [own, sibling, deleted] = <[String; 3]>::try_from(tree.inside.clone()).expect("three are inside");
        let scene = Self {
            own: furnish(&admin, &tree.root, own).await,
            sibling: furnish(&admin, &tree.root, sibling).await,
            parent: furnish(&admin, &tree.root, tree.root.clone()).await,
            unrelated: furnish(&admin, &unrelated, unrelated.clone()).await,
            deleted: furnish(&admin, &tree.root, deleted).await,
            admin,
        };
        delete_community(&scene.admin, &scene.deleted.name).await;
        scene
    }

    fn places(&self) -> [&Place; 5] {
        [&self.own, &self.sibling, &self.parent, &self.unrelated, &self.deleted]
    }

    /// Every two different places.
    fn crossed(&self) -> impl Iterator<Item = (&Place, &Place)> {
        let places = self.places();
        let pairs = places.into_iter().flat_map(move |here| places.map(|there| (here, there)));
        pairs.filter(|(here, there)| here.name != there.name)
    }

    /// Who may do everything in the place: the administrator of all, and in his own community `inner`.
    fn powerful<'p>(&'p self, place: &Place, inner: &'p Person) -> Vec<&'p Person> {
        if place.name == self.own.name { vec![&self.admin, inner] } else { vec![&self.admin] }
    }

    /// The administrator of `own`.
    async fn inner(&self) -> Person {
        holder(&self.admin, &self.parent.name, vec![alone(&self.own.name, &["admin"])]).await
    }

    /// All members, roles and connections, to see whether something changed.
    async fn picture(&self) -> Vec<(Option<Member>, Role, Connection)> {
        let service = Caller::nobody().service("alerts");
        let mut picture = Vec::new();
        for place in self.places() {
            let request = GetRoleRequest { name: place.role.clone() };
            let role = service.community().get_role(request).await.expect("the role is there").into_inner();
            let request = GetConnectionRequest { name: place.connection.clone() };
            let connection = self.admin.caller.community().get_connection(request).await;
            let connection = connection.expect("the connection is there").into_inner().connection;
            let member = seen(&place.name, &place.member).await;
            picture.push((member, role.role.expect("it comes"), connection.expect("it comes")));
        }
        picture
    }
}

async fn furnish(admin: &Person, root: &str, name: String) -> Place {
    let member = somebody();
    enrol(admin, root, &member, vec![alone(&name, &["guest"])]).await;
    let role = role(admin, &name, &["communities.get"]).await;
    let connection = create(admin, draft(&name, "https://accounts.example.com", &[])).await;
    Place { member, role, connection: connection.expect("the connection is made").name, name }
}

/// An RPC that was called: what it needs, whether it would change something, and its answer.
struct Attempt {
    permission: &'static str,
    writes: bool,
    answer: Result<(), Status>,
}

impl Attempt {
    fn read<T>(permission: &'static str, answer: Result<T, Status>) -> Self {
        Self { permission, writes: false, answer: answer.map(drop) }
    }

    fn write<T>(permission: &'static str, answer: Result<T, Status>) -> Self {
        Self { permission, writes: true, answer: answer.map(drop) }
    }
}

/// Calls every RPC about the member of this name.
async fn about_member(actor: &Person, name: &str) -> [Attempt; 6] {
    let (mut client, name) = (actor.caller.community(), name.to_owned());
    let member =
        Some(Member { name: name.clone(), roles: given(&["guest", "analyst"]), ..Member::default() });
    let update = UpdateMemberRequest { member, ..UpdateMemberRequest::default() };
    let suspend = SuspendMemberRequest { name: name.clone(), ..SuspendMemberRequest::default() };
    let reactivate = ReactivateMemberRequest { name: name.clone(), ..ReactivateMemberRequest::default() };
    let reset = ResetMemberTwoFactorRequest { name: name.clone() };
    let delete = DeleteMemberRequest { name: name.clone(), ..DeleteMemberRequest::default() };
    [
        Attempt::write("members.resetTwoFactor", client.reset_member_two_factor(reset).await),
        Attempt::read("members.list", client.get_member(GetMemberRequest { name }).await),
        Attempt::write("members.update", client.update_member(update).await),
        Attempt::write("members.suspend", client.suspend_member(suspend).await),
        Attempt::write("members.suspend", client.reactivate_member(reactivate).await),
        Attempt::write("members.delete", client.delete_member(delete).await),
    ]
}

/// Calls every RPC about the role of this name.
async fn about_role(actor: &Person, name: &str) -> [Attempt; 4] {
    let (mut client, name) = (actor.caller.community(), name.to_owned());
    let role = Some(Role {
        name: name.clone(),
        description: "Changed from elsewhere.".to_owned(),
        ..Role::default()
    });
    let update = UpdateRoleRequest { role, ..UpdateRoleRequest::default() };
    let delete = DeleteRoleRequest { name: name.clone(), force: true, ..DeleteRoleRequest::default() };
    let usage = GetRoleUsageRequest { name: name.clone(), ..GetRoleUsageRequest::default() };
    [
        Attempt::read("roles.list", client.get_role(GetRoleRequest { name }).await),
        Attempt::read("roles.list", client.get_role_usage(usage).await),
        Attempt::write("roles.update", client.update_role(update).await),
        Attempt::write("roles.delete", client.delete_role(delete).await),
    ]
}

/// Calls every RPC about the connection of this name.
async fn about_connection(actor: &Person, name: &str) -> [Attempt; 3] {
    let (mut client, name) = (actor.caller.community(), name.to_owned());
    let changed =
        Connection { name: name.clone(), display_name: "From elsewhere".to_owned(), ..Connection::default() };
    let update = UpdateConnectionRequest {
        connection: Some(changed),
        update_mask: Some(FieldMask { paths: vec!["display_name".to_owned()] }),
        ..UpdateConnectionRequest::default()
    };
    let delete = DeleteConnectionRequest { name: name.clone(), ..DeleteConnectionRequest::default() };
    [
        Attempt::read("connections.manage", client.get_connection(GetConnectionRequest { name }).await),
        Attempt::write("connections.manage", client.update_connection(update).await),
        Attempt::write("connections.manage", client.delete_connection(delete).await),
    ]
}

/// The connection of `there` as if it belonged `here`.
fn connection_name(here: &Place, there: &Place) -> String {
    there.connection.replace(&there.name, &here.name)
}

/// The role of `there` as if it belonged `here`.
fn role_name(here: &Place, there: &Place) -> String {
    there.role.replace(&there.name, &here.name)
}

#[tokio::test]
async fn where_somebody_holds_nothing_he_is_denied_whatever_the_id() {
    let scene = Scene::new().await;
    let inner = scene.inner().await;
    let before = scene.picture().await;
    for here in scene.places().into_iter().skip(1) {
        for there in scene.places() {
            let member = member_name(&here.name, &there.member);
            let attempts = about_member(&inner, &member).await.into_iter();
            let attempts = attempts.chain(about_role(&inner, &role_name(here, there)).await);
            for attempt in attempts.chain(about_connection(&inner, &connection_name(here, there)).await) {
                denied(attempt.answer, attempt.permission, &here.name);
            }
        }
    }
    assert_eq!(scene.picture().await, before);
}

#[tokio::test]
async fn a_member_of_another_community_is_no_member_here_however_much_the_caller_may() {
    let scene = Scene::new().await;
    let inner = scene.inner().await;
    let before = scene.picture().await;
    for (here, there) in scene.crossed() {
        let name = member_name(&here.name, &there.member);
        for actor in scene.powerful(here, &inner) {
            for attempt in about_member(actor, &name).await {
                if attempt.writes && here.name == scene.deleted.name {
                    refused_as_deleted(attempt.answer, here);
                } else {
                    let metadata = refused(attempt.answer, Code::NotFound, "MEMBER_NOT_FOUND");
                    assert_eq!(metadata["member"], name);
                }
            }
        }
    }
    assert_eq!(scene.picture().await, before);
}

#[tokio::test]
async fn a_connection_of_another_community_is_none_here() {
    let scene = Scene::new().await;
    let inner = scene.inner().await;
    let before = scene.picture().await;
    for (here, there) in scene.crossed() {
        let name = connection_name(here, there);
        for actor in scene.powerful(here, &inner) {
            for attempt in about_connection(actor, &name).await {
                if attempt.writes && here.name == scene.deleted.name {
                    refused_as_deleted(attempt.answer, here);
                } else {
                    let metadata = refused(attempt.answer, Code::NotFound, "CONNECTION_NOT_FOUND");
                    assert_eq!(metadata["connection"], name);
                }
            }
        }
    }
    assert_eq!(scene.picture().await, before);
}

#[tokio::test]
async fn a_role_of_another_community_is_no_role_here_but_that_of_the_one_above_can_be_read() {
    let scene = Scene::new().await;
    let inner = scene.inner().await;
    let inside: BTreeSet<&str> =
        [&scene.own, &scene.sibling, &scene.deleted].map(|place| place.name.as_str()).into();
    let before = scene.picture().await;
    for (here, there) in scene.crossed() {
        let name = role_name(here, there);
        let from_above = there.name == scene.parent.name && inside.contains(here.name.as_str());
        for actor in scene.powerful(here, &inner) {
            for attempt in about_role(actor, &name).await {
                if attempt.writes && here.name == scene.deleted.name {
                    refused_as_deleted(attempt.answer, here);
                } else if from_above && !attempt.writes {
                    attempt.answer.expect("a role of the community above is found");
                } else {
                    let metadata = refused(attempt.answer, Code::NotFound, "ROLE_NOT_FOUND");
                    assert_eq!(metadata["role"], name);
                }
            }
        }
    }
    assert_eq!(scene.picture().await, before);
}

#[track_caller]
fn refused_as_deleted(answer: Result<(), Status>, place: &Place) {
    let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
    assert_eq!((&metadata["community"], &*metadata["state"]), (&place.name, "DELETED"));
}

#[tokio::test]
async fn a_role_of_another_community_cannot_be_given_here() {
    let scene = Scene::new().await;
    let newcomer = account(&address("newcomer"), "Noor Haddad").await;
    let before = scene.picture().await;
    for (here, there) in scene.crossed() {
        let from_above = there.name == scene.parent.name && here.name != scene.unrelated.name;
        if from_above || here.name == scene.deleted.name {
            continue;
        }
        for role in [role_name(here, there), there.role.clone(), format!("{}/roles/guest", there.name)] {
            for answer in give(&scene.admin, here, &newcomer, &role).await {
                let metadata = refused(answer, Code::InvalidArgument, "UNKNOWN_ROLE");
                assert_eq!((&metadata["community"], &metadata["role"]), (&here.name, &role));
            }
        }
    }
    assert_eq!(scene.picture().await, before);
    assert!(seen(&scene.own.name, &newcomer).await.is_none());
}

/// Tries to give the role to a new member of the place, and to the one who is there.
async fn give(actor: &Person, place: &Place, newcomer: &str, role: &str) -> [Result<(), Status>; 2] {
    let (mut client, roles) = (actor.caller.community(), given(&["guest", role]));
    let new = Member { user: newcomer.to_owned(), roles: roles.clone(), ..Member::default() };
    let create = CreateMemberRequest {
        parent: place.name.clone(),
        member: Some(new),
        ..CreateMemberRequest::default()
    };
    let old = Member { name: member_name(&place.name, &place.member), roles, ..Member::default() };
    let update = UpdateMemberRequest { member: Some(old), ..UpdateMemberRequest::default() };
    [client.create_member(create).await.map(drop), client.update_member(update).await.map(drop)]
}

#[tokio::test]
async fn what_is_in_a_deleted_community_is_seen_and_stays_as_it_is() {
    let scene = Scene::new().await;
    let before = scene.picture().await;
    let place = &scene.deleted;
    let member = about_member(&scene.admin, &member_name(&place.name, &place.member)).await;
    let role = about_role(&scene.admin, &place.role).await;
    let connection = about_connection(&scene.admin, &place.connection).await;
    for attempt in member.into_iter().chain(role).chain(connection) {
        if attempt.writes {
            refused_as_deleted(attempt.answer, place);
        } else {
            attempt.answer.expect("it can be read");
        }
    }
    assert_eq!(scene.picture().await, before);
}
