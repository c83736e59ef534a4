//! Who loses his authority while he uses it: what he does comes before the loss, or not at all.

use futures::future::join_all;
use sandbox::Service;
use sea_orm::{ConnectionTrait as _, Statement};
use tonic::{Code, Status};
use usher_api::community::{
    Community, CommunityKind, CommunitySettings, CreateCommunityRequest, CreateRoleRequest,
    DeleteCommunityRequest, DeleteRoleRequest, Role, SuspendCommunityRequest, UpdateCommunityImageRequest,
    UpdateCommunityRequest, UpdateCommunitySettingsRequest, UpdateRoleRequest,
};

use super::holder;
use crate::support::acts::{member_name, remove_member};
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::rows::database;
use crate::support::tree::{Tree, grant, mssp, role};

const ROUNDS: usize = 6;

/// What he does at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Rename,
    ChangeSettings,
    TakeImage,
    MakeCommunity,
    MakeRole,
    ChangeRole,
    DeleteRole,
    SuspendInside,
    Delete,
}

const ACTS: [Act; 9] = [
    Act::Rename,
    Act::ChangeSettings,
    Act::TakeImage,
    Act::MakeCommunity,
    Act::MakeRole,
    Act::ChangeRole,
    Act::DeleteRole,
    Act::SuspendInside,
    Act::Delete,
];

const TEXT: &str = "Changed at the last moment.";

impl Act {
    /// Does it in the tree, with a role that is there, and returns what it changed.
    async fn perform(self, actor: &Person, tree: &Tree, role: &str) -> Result<String, Status> {
        match self {
            Self::MakeRole | Self::ChangeRole | Self::DeleteRole => self.change_role(actor, tree, role).await,
            Self::Rename | Self::ChangeSettings | Self::TakeImage => {
                self.change_main(actor, &tree.root).await
            }
            Self::MakeCommunity | Self::SuspendInside | Self::Delete => self.change_inside(actor, tree).await,
        }
    }

    async fn change_main(self, actor: &Person, root: &str) -> Result<String, Status> {
        let (name, mut client) = (root.to_owned(), actor.caller.community());
        if self == Self::Rename {
            let community = Community { name, description: TEXT.to_owned(), ..Community::default() };
            let request =
                UpdateCommunityRequest { community: Some(community), ..UpdateCommunityRequest::default() };
            client.update_community(request).await?;
        } else if self == Self::ChangeSettings {
            let name = format!("{name}/settings");
            let settings = CommunitySettings { name, seat_limit: 7, ..CommunitySettings::default() };
            let request = UpdateCommunitySettingsRequest {
                settings: Some(settings),
                ..UpdateCommunitySettingsRequest::default()
            };
            client.update_community_settings(request).await?;
        } else {
            let request = UpdateCommunityImageRequest { name, ..UpdateCommunityImageRequest::default() };
            client.update_community_image(request).await?;
        }
        Ok(root.to_owned())
    }

    async fn change_inside(self, actor: &Person, tree: &Tree) -> Result<String, Status> {
        let (name, mut client) = (tree.inside[0].clone(), actor.caller.community());
        if self == Self::MakeCommunity {
            let community = Community {
                kind: CommunityKind::Managed.into(),
                parent_community: tree.root.clone(),
                display_name: TEXT.to_owned(),
                ..Community::default()
            };
            let request =
                CreateCommunityRequest { community: Some(community), ..CreateCommunityRequest::default() };
            let answer = client.create_community(request).await?.into_inner();
            return Ok(answer.community.unwrap_or_default().name);
        }
        if self == Self::SuspendInside {
            let request =
                SuspendCommunityRequest { name: name.clone(), ..SuspendCommunityRequest::default() };
            client.suspend_community(request).await?;
        } else {
            let request = DeleteCommunityRequest { name: name.clone(), ..DeleteCommunityRequest::default() };
            client.delete_community(request).await?;
        }
        Ok(name)
    }

    async fn change_role(self, actor: &Person, tree: &Tree, name: &str) -> Result<String, Status> {
        let (mut client, description) = (actor.caller.community(), TEXT.to_owned());
        if self == Self::MakeRole {
            let role = Role {
                display_name: "Last".to_owned(),
                description,
                permissions: vec!["communities.get".to_owned()],
                ..Role::default()
            };
            let parent = tree.root.clone();
            let request = CreateRoleRequest { parent, role: Some(role), ..CreateRoleRequest::default() };
            let answer = client.create_role(request).await?.into_inner();
            return Ok(answer.role.unwrap_or_default().name);
        }
        if self == Self::ChangeRole {
            let changed = Role { name: name.to_owned(), description, ..Role::default() };
            let request = UpdateRoleRequest { role: Some(changed), ..UpdateRoleRequest::default() };
            client.update_role(request).await?;
        } else {
            let request = DeleteRoleRequest { name: name.to_owned(), ..DeleteRoleRequest::default() };
            client.delete_role(request).await?;
        }
        Ok(name.to_owned())
    }
}

/// When the last change of the resource was made, in microseconds.
async fn changed(resource: &str) -> i64 {
    let database = database(Service::Community).await;
    let sql = "SELECT max(occur_time) AS last FROM outbox WHERE resource = $1";
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [resource.into()]);
    let row = database.query_one_raw(statement).await.unwrap().expect("a maximum is a row");
    row.try_get("", "last").expect("it was changed")
}

async fn round(admin: &Person, act: Act) {
    let tree = mssp(admin, 1).await;
    let role = role(admin, &tree.root, &["communities.get"]).await;
    let losing = holder(admin, &tree.root, vec![grant(&tree.root, &["admin"])]).await;
    let (done, _) =
        tokio::join!(act.perform(&losing, &tree, &role), remove_member(admin, &tree.root, &losing.name));
    match done {
        Ok(resource) => {
            let (act_time, loss_time) =
                (changed(&resource).await, changed(&member_name(&tree.root, &losing.name)).await);
            assert!(act_time < loss_time, "{act:?} came {} µs after the loss", act_time - loss_time);
        }
        refusal => {
            refused(refusal, Code::PermissionDenied, "PERMISSION_DENIED");
        }
    }
}

#[tokio::test]
async fn what_he_does_comes_before_the_loss_or_not_at_all() {
    let admin = admin().await;
    for _ in 0..ROUNDS {
        join_all(ACTS.map(|act| round(&admin, act))).await;
    }
}
