use tonic::{Code, Status};
use usher_api::community::{Community, CommunityKind, CreateCommunityRequest, ListEffectiveRolesRequest};

use super::{alone, holder, may, no_community};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{community, grant, managed, mssp};

fn request(kind: CommunityKind, parent: &str) -> CreateCommunityRequest {
    let community = Community {
        kind: kind.into(),
        parent_community: parent.to_owned(),
        display_name: " Alpine Bank ".to_owned(),
        description: "Watches over the bank.".to_owned(),
        website_uri: "https://alpine.example/about".to_owned(),
        ..Community::default()
    };
    CreateCommunityRequest { community: Some(community), request_id: request_id() }
}

async fn create(maker: &Person, request: CreateCommunityRequest) -> Result<Community, Status> {
    let answer = maker.caller.community().create_community(request).await?;
    Ok(answer.into_inner().community.expect("it comes"))
}

#[tokio::test]
async fn a_platform_admin_makes_one_at_the_top_and_is_its_admin() {
    let admin = admin().await;
    for kind in [CommunityKind::Managed, CommunityKind::Mssp] {
        let made = create(&admin, request(kind, "")).await.unwrap();
        assert_eq!((made.kind(), made.parent_community.as_str()), (kind, ""));
        assert_eq!(made.display_name, "Alpine Bank");
        assert_eq!(made.description, "Watches over the bank.");
        assert_eq!(made.website_uri, "https://alpine.example/about");
        assert_eq!(made.name, format!("communities/{}", made.uid));
        assert!(!made.etag.is_empty() && made.create_time.is_some() && made.create_time == made.update_time);
        assert!(may(&admin.name, &made.name, "members.delete").await);
    }
}

#[tokio::test]
async fn nobody_else_makes_one_at_the_top() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let local_admin = holder(&admin, &place, vec![grant(&place, &["admin"])]).await;
    let metadata = refused(
        create(&local_admin, request(CommunityKind::Managed, "")).await,
        Code::PermissionDenied,
        "PERMISSION_DENIED",
    );
    assert_eq!((&*metadata["permission"], &*metadata["resource"]), ("communities.create", "communities"));
}

#[tokio::test]
async fn those_inside_an_mssp_belong_to_its_people_and_have_no_members() {
    let admin = admin().await;
    let tree = mssp(&admin, 0).await;
    let made = create(&admin, request(CommunityKind::Managed, &tree.root)).await.unwrap();
    assert_eq!(made.parent_community, tree.root);
    let asked = ListEffectiveRolesRequest {
        user: admin.name.clone(),
        community: made.name,
        ..ListEffectiveRolesRequest::default()
    };
    let roles = admin.caller.community().list_effective_roles(asked).await.unwrap().into_inner().roles;
    assert_eq!(roles.len(), 1);
    assert_eq!(roles[0].inherited_from, tree.root);
    assert_eq!(roles[0].role, format!("{}/roles/admin", tree.root));
}

#[tokio::test]
async fn inside_an_mssp_it_takes_authority_there() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let builder = holder(&admin, &tree.root, vec![grant(&tree.root, &["manage_community"])]).await;
    create(&builder, request(CommunityKind::Managed, &tree.root)).await.unwrap();

    let analyst = holder(&admin, &tree.root, vec![grant(&tree.root, &["analyst"])]).await;
    let inner_admin = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["admin"])]).await;
    let stranger = Person::new("stranger").await;
    for person in [&analyst, &inner_admin, &stranger] {
        let answer = create(person, request(CommunityKind::Managed, &tree.root)).await;
        let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&metadata["permission"][..], &metadata["resource"]), ("communities.create", &tree.root));
    }
    let nowhere = no_community();
    let answer = create(&admin, request(CommunityKind::Managed, &nowhere)).await;
    assert_eq!(refused(answer, Code::PermissionDenied, "PERMISSION_DENIED")["resource"], nowhere);
}

#[tokio::test]
async fn only_an_mssp_has_room_inside() {
    let admin = admin().await;
    let (tree, plain) = (mssp(&admin, 1).await, managed(&admin).await);
    for parent in [&plain, &tree.inside[0]] {
        let answer = create(&admin, request(CommunityKind::Managed, parent)).await;
        assert_eq!(&refused(answer, Code::FailedPrecondition, "PARENT_NOT_MSSP")["community"], parent);
    }
    let answer = create(&admin, request(CommunityKind::Mssp, &tree.root)).await;
    refused_fields(answer, &["community.kind"]);
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let bad = Community {
        kind: 77,
        display_name: "a\u{7}b".to_owned(),
        description: "x".repeat(1_001),
        website_uri: "javascript:alert(1)".to_owned(),
        parent_community: "northwind".to_owned(),
        ..Community::default()
    };
    let answer =
        create(&admin, CreateCommunityRequest { community: Some(bad), request_id: "42".to_owned() }).await;
    let fields = ["kind", "display_name", "description", "website_uri", "parent_community"];
    let mut fields: Vec<String> = fields.iter().map(|field| format!("community.{field}")).collect();
    fields.push("request_id".to_owned());
    refused_fields(answer, &fields.iter().map(String::as_str).collect::<Vec<_>>());
    let empty = create(&admin, CreateCommunityRequest::default()).await;
    refused_fields(empty, &["community.kind", "community.display_name"]);
}

#[tokio::test]
async fn authority_comes_before_the_rest() {
    let (admin, stranger) = (admin().await, Person::new("stranger").await);
    let tree = mssp(&admin, 0).await;
    let bad = Community { parent_community: tree.root, ..Community::default() };
    let bad = CreateCommunityRequest { community: Some(bad), request_id: String::new() };
    refused(create(&stranger, bad).await, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_repeated_request_makes_one_community() {
    let admin = admin().await;
    let tree = mssp(&admin, 0).await;
    let request = request(CommunityKind::Managed, &tree.root);
    let (one, other) = tokio::join!(create(&admin, request.clone()), create(&admin, request.clone()));
    let third = create(&admin, request.clone()).await.unwrap();
    assert_eq!((one.unwrap(), other.unwrap()), (third.clone(), third));

    let mut changed = request.clone();
    changed.community.as_mut().unwrap().display_name = "Harbour Logistics".to_owned();
    let metadata = refused(create(&admin, changed).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(metadata["request_id"], request.request_id);
}

#[tokio::test]
async fn authority_over_the_main_community_alone_makes_communities_but_does_not_reach_them() {
    let admin = admin().await;
    let tree = mssp(&admin, 0).await;
    let outer = holder(&admin, &tree.root, vec![alone(&tree.root, &["admin"])]).await;
    let made = community(&outer, CommunityKind::Managed, &tree.root).await;
    assert!(!may(&outer.name, &made, "communities.get").await);
    assert!(may(&admin.name, &made, "communities.get").await);
}
