//! Every RPC of the contract, called by everybody, compared with the table in `access_matrix.toml`. An RPC without a row in
//! the table fails.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use sandbox::{Caller, Service};
use serde::Deserialize;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use usher_api::community::{CommunityKind, ListPermissionsRequest};
use uuid::Uuid;

use super::raw::RawCodec;
use crate::community::{enrol, somebody};
use crate::support::acts::{delete_community, member_name, suspend_community, suspend_member};
use crate::support::keys::{account, key};
use crate::support::people::{Person, admin};
use crate::support::tree::{Tree, community, grant, invite, member, mssp, role as custom_role, token};
use crate::support::webhooks::{test_webhook, webhook};
use crate::support::{address, request_id};

/// The code that each kind of caller gets, and the request, with `{…}` where something of the scene goes.
#[derive(Deserialize)]
struct Row {
    request: String,
    nobody: String,
    stranger: String,
    guest: String,
    sibling_admin: String,
    admin: String,
    service: String,
    #[serde(default = "not_for_programs")]
    api_key: String,
}

/// What an API key gets where the table does not say.
fn not_for_programs() -> String {
    "PermissionDenied".to_owned()
}

/// What requests are about. The callers differ, so each call is made on a scene of its own where it changes something.
struct Scene {
    tree: Tree,
    admin: Person,
}

impl Scene {
    async fn new() -> Self {
        let admin = admin().await;
        Self { tree: mssp(&admin, 2).await, admin }
    }

    /// The kinds of caller, by their column. The guest and the administrator of the sibling are members inside the tree.
    async fn callers(&self) -> BTreeMap<&'static str, (Caller, String)> {
        let stranger = Person::new("stranger").await;
        let guest = member(&self.admin, &self.tree.root, &self.tree.inside[0], &["guest"]).await;
        let sibling = member(&self.admin, &self.tree.root, &self.tree.inside[1], &["admin"]).await;
        let inside = member(&self.admin, &self.tree.root, &self.tree.inside[0], &["admin"]).await;
        let service = Caller::nobody().service("alerts");
        let permissions = own_permissions(&self.admin).await;
        let permissions: Vec<&str> = permissions.iter().map(String::as_str).collect();
        let key = key(&self.admin, &self.tree.root, &permissions).await;
        BTreeMap::from([
            ("api_key", (key.caller, key.key.name)),
            ("nobody", (Caller::nobody(), "users/me".to_owned())),
            ("stranger", (stranger.caller, stranger.name)),
            ("guest", (guest.caller, guest.name)),
            ("sibling_admin", (sibling.caller, sibling.name)),
            ("admin", (inside.caller, inside.name)),
            ("service", (service, self.admin.name.clone())),
        ])
    }

    /// The request with its places filled: a community inside the tree, an invitation into it, and so on. What the call may change
    /// is made for this call alone.
    async fn fill(&self, request: &str, user: &str, role: Option<&str>) -> String {
        let mut filled = request
            .replace("{root}", &self.tree.root)
            .replace("{community}", self.community())
            .replace("{user}", user)
            .replace("{admin}", &self.admin.name)
            .replace("{email}", &address("matrix"))
            .replace("{request_id}", &request_id())
            .replace("{word}", &format!("w{}", Uuid::new_v4().simple()));
        for place in PLACES {
            if filled.contains(place) {
                filled = filled.replace(place, &self.make(place, user, role).await);
            }
        }
        filled
    }

    /// What goes into one of the [`PLACES`].
    async fn make(&self, place: &str, user: &str, role: Option<&str>) -> String {
        match place {
            "{invitation}" => self.invitation().await,
            "{token}" => token(&self.admin, &self.invitation().await).await,
            "{fresh}" => self.community_with(user, role).await,
            "{suspended}" => {
                let name = self.community_with(user, role).await;
                suspend_community(&self.admin, &name).await;
                name
            }
            "{deleted}" => {
                let name = self.community_with(user, role).await;
                delete_community(&self.admin, &name).await;
                name
            }
            "{role}" => custom_role(&self.admin, self.community(), &["members.list"]).await,
            "{key}" => key(&self.admin, self.community(), &["communities.get"]).await.key.name,
            "{account}" => account(&self.admin).await.0.name,
            "{newcomer}" => Person::new("newcomer").await.name,
            "{member}" => member_name(self.community(), &self.member().await),
            "{suspended_member}" => {
                let user = self.member().await;
                suspend_member(&self.admin, self.community(), &user).await;
                member_name(self.community(), &user)
            }
            "{webhook}" => self.webhook(user, role).await,
            "{webhook_delivery}" => {
                let webhook = self.webhook(user, role).await;
                test_webhook(&self.admin, &webhook).await.expect("it waits").name
            }
            _ => panic!("nothing goes into {place}"),
        }
    }

    fn community(&self) -> &str {
        &self.tree.inside[0]
    }

    /// An invitation into the community.
    async fn invitation(&self) -> String {
        let grants = vec![grant(self.community(), &["guest"])];
        invite(&self.admin, &self.tree.root, &address("matrix"), grants).await.name
    }

    /// Another community inside, in which the caller has the role that he has in the first.
    async fn community_with(&self, user: &str, role: Option<&str>) -> String {
        let name = community(&self.admin, CommunityKind::Managed, &self.tree.root).await;
        if let Some(role) = role {
            enrol(&self.admin, &self.tree.root, user, vec![grant(&name, &[role])]).await;
        }
        name
    }

    /// A webhook that nobody answers, of another community inside: one has so many at most.
    async fn webhook(&self, user: &str, role: Option<&str>) -> String {
        let community = self.community_with(user, role).await;
        webhook(&self.admin, &community, "http://127.0.0.1:1/", &["settings.*"]).await.0.name
    }

    /// A guest of the community.
    async fn member(&self) -> String {
        let user = somebody();
        enrol(&self.admin, &self.tree.root, &user, vec![grant(self.community(), &["guest"])]).await;
        user
    }
}

/// Places in requests for things that are made for each call.
const PLACES: [&str; 13] = [
    "{invitation}",
    "{token}",
    "{fresh}",
    "{suspended}",
    "{deleted}",
    "{role}",
    "{key}",
    "{account}",
    "{newcomer}",
    "{member}",
    "{suspended_member}",
    "{webhook}",
    "{webhook_delivery}",
];

/// The role of a kind of caller in the community.
fn role_of(column: &str) -> Option<&'static str> {
    match column {
        "guest" => Some("guest"),
        "admin" => Some("admin"),
        _ => None,
    }
}

#[tokio::test]
async fn every_rpc_admits_whom_the_table_says_and_nobody_else() {
    let table: BTreeMap<String, Row> =
        toml::from_str(include_str!("access_matrix.toml")).expect("the table parses");
    let scene = Scene::new().await;
    let callers = scene.callers().await;
    let mut wrong = Vec::new();
    for method in methods() {
        let Some(row) = table.get(method.full_name()) else {
            wrong.push(format!("{} has no row", method.full_name()));
            continue;
        };
        for (column, expected) in row.columns() {
            let (caller, user) = &callers[column];
            let got = call(caller, &method, &scene.fill(&row.request, user, role_of(column)).await).await;
            if got != *expected {
                wrong.push(format!("{} by {column}: {got}, not {expected}", method.full_name()));
            }
        }
    }
    let gone =
        table.keys().filter(|name| !methods().iter().any(|method| method.full_name() == name.as_str()));
    wrong.extend(gone.map(|name| format!("{name} is no RPC")));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

impl Row {
    fn columns(&self) -> [(&'static str, &String); 7] {
        [
            ("nobody", &self.nobody),
            ("stranger", &self.stranger),
            ("guest", &self.guest),
            ("sibling_admin", &self.sibling_admin),
            ("admin", &self.admin),
            ("service", &self.service),
            ("api_key", &self.api_key),
        ]
    }
}

/// Usher's own permissions.
async fn own_permissions(admin: &Person) -> Vec<String> {
    let request = ListPermissionsRequest { page_size: 1_000, ..ListPermissionsRequest::default() };
    let listed = admin.caller.community().list_permissions(request).await.expect("they are listed");
    let own = listed.into_inner().permissions.into_iter().filter(|permission| permission.service == "usher");
    own.map(|permission| permission.name).collect()
}

fn methods() -> Vec<MethodDescriptor> {
    let pool = DescriptorPool::decode(usher_api::DESCRIPTOR_SET).expect("the descriptors decode");
    let services = pool.services().filter(|service| service.full_name().starts_with("usher."));
    services.flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
}

/// Calls by the wire, as a client in any language would, and names the code of the answer.
async fn call(caller: &Caller, method: &MethodDescriptor, json: &str) -> String {
    let mut reader = serde_json::Deserializer::from_str(json);
    let message = DynamicMessage::deserialize(method.input(), &mut reader)
        .unwrap_or_else(|error| panic!("{}: {error} in {json}", method.full_name()));
    let service =
        Service::ALL.into_iter().find(|it| method.full_name().starts_with(&format!("usher.{}.", it.name())));
    let mut client = tonic::client::Grpc::new(caller.way_to(service.expect("a service of the suite")));
    client.ready().await.expect("the channel is ready");
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let path = PathAndQuery::try_from(path).expect("names make paths");
    // Of a stream, the first message: some never end.
    let answer: Result<_, Status> =
        client.server_streaming(Request::new(message.encode_to_vec()), path, RawCodec).await;
    let first = match answer {
        Ok(stream) => stream.into_inner().message().await,
        Err(status) => Err(status),
    };
    let code = first.map_or_else(|status| status.code(), |_| Code::Ok);
    format!("{code:?}")
}
