use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{GetServiceAccountRequest, Inheritance, ServiceAccount};
use uuid::Uuid;

use crate::support::keys::{account, give, key};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::mssp;

pub async fn get(caller: &Caller, name: &str) -> Result<ServiceAccount, Status> {
    let request = GetServiceAccountRequest { name: name.to_owned() };
    let answer = caller.community().get_service_account(request).await?;
    Ok(answer.into_inner().service_account.expect("it comes"))
}

#[tokio::test]
async fn tells_what_each_community_gave_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (made, key) = account(&admin).await;
    give(&admin, &made.name, &tree.root, &["roles.list", "members.list"]).await;
    give(&admin, &made.name, &tree.inside[0], &["invitations.list"]).await;
    for caller in [&admin.caller, &key.caller] {
        let seen = get(caller, &made.name).await.unwrap();
        let of = |place: &str| seen.access.iter().find(|access| access.community == place).unwrap();
        assert_eq!(of(&tree.root).permissions, ["members.list", "roles.list"]);
        assert_eq!(of(&tree.root).inheritance(), Inheritance::SelfAndDescendants);
        assert_eq!(of(&tree.inside[0]).permissions, ["invitations.list"]);
        assert_eq!(of(&tree.inside[0]).inheritance(), Inheritance::Self_);
        assert_eq!(seen.access.len(), 2);
    }
}

#[tokio::test]
async fn others_do_not_see_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (made, _) = account(&admin).await;
    let (_, other) = account(&admin).await;
    let of_community = key(&admin, &tree.root, &["apiKeys.list"]).await;
    for caller in [&other.caller, &of_community.caller] {
        let metadata = refused(get(caller, &made.name).await, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&*metadata["permission"], &metadata["resource"]), ("serviceAccounts.get", &made.name));
    }
    let mira = Person::new("mira").await;
    refused(get(&mira.caller, &made.name).await, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    let gone = format!("serviceAccounts/{}", Uuid::new_v4());
    refused(get(&admin.caller, &gone).await, Code::NotFound, "SERVICE_ACCOUNT_NOT_FOUND");
    refused_fields(get(&admin.caller, "importer").await, &["name"]);
}
