use tonic::{Code, Status};
use usher_api::community::{DeleteMemberRequest, DeleteMemberResponse, MemberSource};

use super::{alone, denied, enrol, holder, may, names, no_community, outsiders, seen, somebody, told};
use crate::support::acts::{member_name, suspend_community, suspend_member};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{grant, managed, mssp};

const PERMISSION: &str = "members.delete";

fn request(community: &str, user: &str) -> DeleteMemberRequest {
    DeleteMemberRequest { name: member_name(community, user), etag: String::new(), request_id: request_id() }
}

async fn delete(actor: &Person, request: DeleteMemberRequest) -> Result<DeleteMemberResponse, Status> {
    Ok(actor.caller.community().delete_member(request).await?.into_inner())
}

#[tokio::test]
async fn removes_a_member_active_or_suspended() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manager = holder(&admin, &place, vec![grant(&place, &["manage_member"])]).await;
    for suspended in [false, true] {
        let user = somebody();
        enrol(&admin, &place, &user, vec![grant(&place, &["guest"])]).await;
        if suspended {
            suspend_member(&admin, &place, &user).await;
        }
        delete(&manager, request(&place, &user)).await.unwrap();
        assert!(!may(&user, &place, "communities.get").await);
        assert!(seen(&place, &user).await.is_none());
        let facts = told(&place, &user).await;
        assert_eq!(facts.last().unwrap(), &("member.deleted".to_owned(), if suspended { 3 } else { 2 }));
        let answer = delete(&manager, request(&place, &user)).await;
        let metadata = refused(answer, Code::NotFound, "MEMBER_NOT_FOUND");
        assert_eq!(metadata["member"], member_name(&place, &user));
    }
    // Who may, removes himself.
    delete(&manager, request(&place, &manager.name)).await.unwrap();
    denied(delete(&manager, request(&place, &admin.name)).await, PERMISSION, &place);
}

#[tokio::test]
async fn what_he_inherits_stays_when_what_he_was_given_goes() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let user = somebody();
    enrol(&admin, root, &user, vec![grant(root, &["guest"]), grant(inside, &["manage_roles"])]).await;
    let (above, here) = (seen(root, &user).await.unwrap(), seen(inside, &user).await.unwrap());
    delete(&admin, request(inside, &user)).await.unwrap();
    let left = seen(inside, &user).await.unwrap();
    assert_eq!((left.source(), left.roles.len()), (MemberSource::Inherited, 0));
    assert_eq!(left.inherited_roles, here.inherited_roles);
    assert_eq!(seen(root, &user).await.unwrap(), above);
    assert!(may(&user, inside, "communities.get").await && !may(&user, inside, "roles.create").await);

    let answer = delete(&admin, request(inside, &user)).await;
    let metadata = refused(answer, Code::FailedPrecondition, "MEMBERSHIP_INHERITED");
    assert_eq!(metadata["member"], member_name(inside, &user));
    assert_eq!(metadata["inherited_from"], member_name(root, &user));
}

#[tokio::test]
async fn what_he_was_given_stays_when_what_he_inherits_goes() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let user = somebody();
    enrol(&admin, root, &user, vec![grant(root, &["guest"]), grant(inside, &["manage_roles"])]).await;
    let here = seen(inside, &user).await.unwrap();
    delete(&admin, request(root, &user)).await.unwrap();
    let left = seen(inside, &user).await.unwrap();
    assert_eq!((&left.roles, &left.etag), (&here.roles, &here.etag));
    assert_eq!((left.source(), left.inherited_roles.len()), (MemberSource::Direct, 0));
    assert!(seen(root, &user).await.is_none() && !may(&user, root, "communities.get").await);
    assert!(may(&user, inside, "roles.create").await);
}

#[tokio::test]
async fn nobody_removes_who_holds_more() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let root = &tree.root;
    let manager = holder(&admin, root, vec![grant(root, &["manage_member"])]).await;
    let outer = holder(&admin, root, vec![alone(root, &["admin"])]).await;
    let chief = somebody();
    enrol(&admin, root, &chief, vec![grant(root, &["guest", "admin"])]).await;
    let beyond = [(&manager, &chief), (&outer, &chief), (&outer, &manager.name), (&manager, &outer.name)];
    for (actor, user) in beyond {
        let before = seen(root, user).await;
        let answer = delete(actor, request(root, user)).await;
        let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
        assert_eq!(&metadata["community"], root);
        assert!(names(&before.as_ref().unwrap().roles).contains(&&*metadata["role"]));
        assert_eq!(seen(root, user).await, before);
    }
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let admin = admin().await;
    let (place, tree) = (managed(&admin).await, mssp(&admin, 1).await);
    let outer = somebody();
    enrol(&admin, &tree.root, &outer, vec![alone(&tree.root, &["admin"])]).await;
    for top in [&place, &tree.root] {
        let before = seen(top, &admin.name).await;
        let answer = delete(&admin, request(top, &admin.name)).await;
        let metadata = refused(answer, Code::FailedPrecondition, "LAST_ADMINISTRATOR");
        assert_eq!(&metadata["community"], top);
        assert_eq!(seen(top, &admin.name).await, before);
    }
    let (inside, inner) = (&tree.inside[0], somebody());
    enrol(&admin, &tree.root, &inner, vec![grant(inside, &["admin"])]).await;
    delete(&admin, request(inside, &inner)).await.unwrap();
}

#[tokio::test]
async fn a_stale_etag_is_refused() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = somebody();
    enrol(&admin, &place, &user, vec![grant(&place, &["guest"])]).await;
    let stale = seen(&place, &user).await.unwrap().etag;
    enrol(&admin, &place, &user, vec![grant(&place, &["analyst"])]).await;
    let asked = DeleteMemberRequest { etag: stale, ..request(&place, &user) };
    let metadata = refused(delete(&admin, asked).await, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(metadata["resource"], member_name(&place, &user));
    let etag = seen(&place, &user).await.unwrap().etag;
    delete(&admin, DeleteMemberRequest { etag, ..request(&place, &user) }).await.unwrap();
}

#[tokio::test]
async fn refuses_whoever_may_not_remove_there() {
    let admin = admin().await;
    let (tree, unrelated, nowhere) = (mssp(&admin, 2).await, managed(&admin).await, no_community());
    let place = &tree.inside[0];
    let user = somebody();
    enrol(&admin, &tree.root, &user, vec![grant(place, &["guest"])]).await;
    for outsider in outsiders(&admin, &tree).await {
        denied(delete(&outsider, request(place, &user)).await, PERMISSION, place);
        // Authority comes before the rest.
        let bad = DeleteMemberRequest { request_id: "42".to_owned(), ..request(place, &somebody()) };
        denied(delete(&outsider, bad).await, PERMISSION, place);
    }
    let inner = holder(&admin, &tree.root, vec![grant(place, &["admin"])]).await;
    for hidden in [&tree.root, &unrelated, &nowhere] {
        denied(delete(&inner, request(hidden, &user)).await, PERMISSION, hidden);
    }
    suspend_community(&admin, place).await;
    let answer = delete(&inner, request(place, &user)).await;
    let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
    assert_eq!((&metadata["community"], &*metadata["state"]), (place, "SUSPENDED"));
    assert!(seen(place, &user).await.is_some());
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let bad = DeleteMemberRequest { request_id: "42".to_owned(), ..request("northwind", "users/me") };
    refused_fields(delete(&admin, bad).await, &["name", "request_id"]);
    let bad = DeleteMemberRequest { request_id: "42".to_owned(), ..request(&place, &somebody()) };
    refused_fields(delete(&admin, bad).await, &["request_id"]);
    refused_fields(delete(&admin, request(&place, "users/me")).await, &["name"]);
}

#[tokio::test]
async fn a_repeated_request_removes_once() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (user, other) = (somebody(), somebody());
    for user in [&user, &other] {
        enrol(&admin, &place, user, vec![grant(&place, &["guest"])]).await;
    }
    let asked = request(&place, &user);
    let (one, two) = tokio::join!(delete(&admin, asked.clone()), delete(&admin, asked.clone()));
    let answer = one.unwrap();
    assert_eq!(two.unwrap(), answer);
    // He came back meanwhile.
    enrol(&admin, &place, &user, vec![grant(&place, &["guest"])]).await;
    assert_eq!(delete(&admin, asked.clone()).await.unwrap(), answer);
    assert!(may(&user, &place, "communities.get").await);

    let changed = DeleteMemberRequest { request_id: asked.request_id.clone(), ..request(&place, &other) };
    let metadata = refused(delete(&admin, changed).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(metadata["request_id"], asked.request_id);
}

#[tokio::test]
async fn who_removed_himself_gets_his_answer_again() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manager = holder(&admin, &place, vec![grant(&place, &["manage_member"])]).await;
    let asked = request(&place, &manager.name);
    let answer = delete(&manager, asked.clone()).await.unwrap();
    assert_eq!(delete(&manager, asked).await.unwrap(), answer);
    denied(delete(&manager, request(&place, &manager.name)).await, PERMISSION, &place);
}
