use prost_types::FieldMask;
use tonic::{Code, Status};
use usher_api::community::{Inheritance, Member, MemberState, UpdateMemberRequest};

use super::{
    alone, application, decide, denied, enrol, given, holder, may, names, no_community, outsiders, seen,
    somebody, told,
};
use crate::support::acts::{member_name, set_roles, suspend_community, suspend_member};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{grant, managed, mssp, role};

fn request(community: &str, user: &str, roles: &[&str]) -> UpdateMemberRequest {
    let member = Member { name: member_name(community, user), roles: given(roles), ..Member::default() };
    UpdateMemberRequest { member: Some(member), update_mask: None, request_id: request_id() }
}

async fn update(actor: &Person, request: UpdateMemberRequest) -> Result<Member, Status> {
    let answer = actor.caller.community().update_member(request).await?;
    Ok(answer.into_inner().member.expect("it comes"))
}

#[tokio::test]
async fn sets_the_roles_and_leaves_those_that_stay_as_they_were() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let keeper = role(&admin, &place, &["communities.get"]).await;
    let manager = holder(&admin, &place, vec![grant(&place, &["admin"])]).await;
    let user = somebody();
    let offer = application(&place, &admin.name, &user, vec![grant(&place, &[&keeper, "manage_member"])]);
    let invitation = offer.invitation.clone();
    decide(offer).await;
    let before = seen(&place, &user).await.unwrap();

    let mut asked = request(&place, &user, &["manage_roles", &keeper]);
    asked.update_mask = Some(FieldMask { paths: vec!["roles".to_owned()] });
    let after = update(&manager, asked).await.unwrap();
    let mut expected = [keeper.as_str(), &format!("{place}/roles/manage_roles")];
    expected.sort_unstable();
    assert_eq!(names(&after.roles), expected);
    assert_ne!(after.etag, before.etag);
    assert_eq!((after.create_time, after.state()), (before.create_time, MemberState::Active));
    for role in &after.roles {
        let kept = role.role == keeper;
        assert_eq!(&role.granted_by, if kept { &admin.name } else { &manager.name });
        assert_eq!(role.invitation, if kept { invitation.as_str() } else { "" });
    }
    assert!(may(&user, &place, "roles.create").await && !may(&user, &place, "members.delete").await);
    assert_eq!(seen(&place, &user).await.unwrap().etag, after.etag);
    assert_eq!(told(&place, &user).await.last().unwrap(), &("member.updated".to_owned(), 2));
}

#[tokio::test]
async fn roles_that_he_has_already_are_no_change() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = somebody();
    enrol(&admin, &place, &user, vec![grant(&place, &["guest", "analyst"])]).await;
    let before = seen(&place, &user).await.unwrap();
    let roles = ["analyst", &format!("{place}/roles/guest"), "guest"];
    let after = update(&admin, request(&place, &user, &roles)).await.unwrap();
    assert_eq!((after.etag, after.update_time), (before.etag, before.update_time));
    assert_eq!(told(&place, &user).await.len(), 1);
}

#[tokio::test]
async fn what_he_inherits_stays_and_inside_nothing_changes() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let user = somebody();
    enrol(&admin, root, &user, vec![grant(root, &["guest"]), grant(inside, &["analyst"])]).await;
    let (above, here) = (seen(root, &user).await.unwrap(), seen(inside, &user).await.unwrap());

    let after = update(&admin, request(inside, &user, &["manage_roles"])).await.unwrap();
    assert_eq!(after.inherited_roles, here.inherited_roles);
    assert_eq!(seen(root, &user).await.unwrap(), above);
    update(&admin, request(root, &user, &["manage_api_keys"])).await.unwrap();
    let here = seen(inside, &user).await.unwrap();
    assert_eq!((&here.roles, &here.etag), (&after.roles, &after.etag));
    assert_eq!(names(&here.inherited_roles), [format!("{root}/roles/manage_api_keys")]);
}

#[tokio::test]
async fn how_far_a_role_reaches_is_part_of_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let user = somebody();
    enrol(&admin, root, &user, vec![grant(root, &["guest"])]).await;
    let reaching = [
        (Inheritance::Self_, false),
        (Inheritance::SelfAndDescendants, true),
        (Inheritance::Self_, false),
        (Inheritance::Unspecified, true),
    ];
    for (inheritance, everywhere) in reaching {
        set_roles(&admin, root, &user, [("guest".to_owned(), inheritance)]).await;
        assert_eq!(seen(root, &user).await.unwrap().roles.len(), 1);
        assert_eq!(may(&user, inside, "communities.get").await, everywhere);
    }
    enrol(&admin, root, &user, vec![grant(inside, &["guest"])]).await;
    let mut beyond = request(inside, &user, &["guest"]);
    beyond.member.as_mut().unwrap().roles[0].set_inheritance(Inheritance::SelfAndDescendants);
    refused_fields(update(&admin, beyond).await, &["member.roles[0].inheritance"]);
}

#[tokio::test]
async fn a_suspended_member_gets_roles_that_do_not_count_yet() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = somebody();
    enrol(&admin, &place, &user, vec![grant(&place, &["guest"])]).await;
    suspend_member(&admin, &place, &user).await;
    let after = update(&admin, request(&place, &user, &["manage_member"])).await.unwrap();
    assert_eq!(after.state(), MemberState::Suspended);
    assert_eq!(names(&after.roles), [format!("{place}/roles/manage_member")]);
    assert!(!may(&user, &place, "members.list").await);
}

#[tokio::test]
async fn nobody_gives_or_takes_more_than_he_holds() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manager = holder(&admin, &place, vec![grant(&place, &["manage_member"])]).await;
    let (user, chief) = (somebody(), somebody());
    enrol(&admin, &place, &user, vec![grant(&place, &["guest"])]).await;
    enrol(&admin, &place, &chief, vec![grant(&place, &["admin"])]).await;
    let beyond = [(&user, vec!["guest", "admin"]), (&chief, vec!["guest"])];
    for (user, roles) in beyond {
        let before = seen(&place, user).await;
        let answer = update(&manager, request(&place, user, &roles)).await;
        let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
        assert_eq!((&metadata["community"], &metadata["role"]), (&place, &format!("{place}/roles/admin")));
        let beyond: Vec<&str> = metadata["permissions"].split(',').collect();
        assert!(beyond.is_sorted() && beyond.contains(&"roles.assign") && !beyond.contains(&"members.list"));
        assert_eq!(seen(&place, user).await, before);
    }
    update(&manager, request(&place, &user, &["manage_member"])).await.unwrap();
    // What stays is neither given nor taken.
    update(&manager, request(&place, &chief, &["admin", "guest"])).await.unwrap();
}

#[tokio::test]
async fn an_admin_of_the_main_community_alone_touches_nothing_that_reaches_inside() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let root = &tree.root;
    let outer = holder(&admin, root, vec![alone(root, &["admin"])]).await;
    let (reaching, staying) = (somebody(), somebody());
    enrol(&admin, root, &reaching, vec![grant(root, &["manage_roles"])]).await;
    enrol(&admin, root, &staying, vec![alone(root, &["manage_roles"])]).await;
    for (user, inheritance) in [(&staying, Inheritance::SelfAndDescendants), (&reaching, Inheritance::Self_)]
    {
        let mut asked = request(root, user, &["manage_roles"]);
        asked.member.as_mut().unwrap().roles[0].set_inheritance(inheritance);
        let answer = update(&outer, asked).await;
        let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
        assert_eq!(metadata["role"], format!("{root}/roles/manage_roles"));
    }
    set_roles(&outer, root, &staying, [("admin".to_owned(), Inheritance::Self_)]).await;
}

#[tokio::test]
async fn roles_must_belong_to_the_community_or_the_one_above() {
    let admin = admin().await;
    let (tree, unrelated) = (mssp(&admin, 2).await, managed(&admin).await);
    let inside = &tree.inside[0];
    let user = somebody();
    enrol(&admin, &tree.root, &user, vec![grant(inside, &["guest"])]).await;
    let beside = role(&admin, &tree.inside[1], &["communities.get"]).await;
    let foreign = role(&admin, &unrelated, &["communities.get"]).await;
    let before = seen(inside, &user).await;
    for unknown in [beside.as_str(), &beside.replace(&tree.inside[1], inside), &foreign, "superuser"] {
        let answer = update(&admin, request(inside, &user, &["guest", unknown])).await;
        let metadata = refused(answer, Code::InvalidArgument, "UNKNOWN_ROLE");
        assert_eq!((&metadata["community"], &*metadata["role"]), (inside, unknown));
    }
    assert_eq!(seen(inside, &user).await, before);
    let above = role(&admin, &tree.root, &["communities.get"]).await;
    let after = update(&admin, request(inside, &user, &[&above])).await.unwrap();
    assert_eq!(names(&after.roles), [above]);
}

#[tokio::test]
async fn only_members_are_changed() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let (above, beside) = (somebody(), somebody());
    enrol(&admin, root, &above, vec![grant(root, &["guest"])]).await;
    enrol(&admin, root, &beside, vec![grant(&tree.inside[1], &["guest"])]).await;
    let answer = update(&admin, request(inside, &above, &["analyst"])).await;
    let metadata = refused(answer, Code::FailedPrecondition, "MEMBERSHIP_INHERITED");
    assert_eq!(metadata["member"], member_name(inside, &above));
    assert_eq!(metadata["inherited_from"], member_name(root, &above));
    let answer = update(&admin, request(inside, &beside, &["analyst"])).await;
    let metadata = refused(answer, Code::NotFound, "MEMBER_NOT_FOUND");
    assert_eq!(metadata["member"], member_name(inside, &beside));
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    let admin = admin().await;
    let (place, tree) = (managed(&admin).await, mssp(&admin, 1).await);
    let other = somebody();
    // An administrator of the main community alone does not administer what is inside.
    enrol(&admin, &tree.root, &other, vec![alone(&tree.root, &["admin"])]).await;
    enrol(&admin, &place, &other, vec![grant(&place, &["admin"])]).await;
    suspend_member(&admin, &place, &other).await;
    let mut narrower = request(&tree.root, &admin.name, &["admin"]);
    narrower.member.as_mut().unwrap().roles[0].set_inheritance(Inheritance::Self_);
    for (top, asked) in [(&place, request(&place, &admin.name, &["guest"])), (&tree.root, narrower)] {
        let before = seen(top, &admin.name).await;
        let metadata = refused(update(&admin, asked).await, Code::FailedPrecondition, "LAST_ADMINISTRATOR");
        assert_eq!(&metadata["community"], top);
        assert_eq!(seen(top, &admin.name).await, before);
    }
    // Inside, those above are enough.
    let inner = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["admin"])]).await;
    update(&inner, request(&tree.inside[0], &inner.name, &["guest"])).await.unwrap();
}

#[tokio::test]
async fn a_stale_etag_is_refused() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = somebody();
    enrol(&admin, &place, &user, vec![grant(&place, &["guest"])]).await;
    let etag = seen(&place, &user).await.unwrap().etag;
    let with = |etag: &str, roles: &[&str]| {
        let mut request = request(&place, &user, roles);
        etag.clone_into(&mut request.member.as_mut().unwrap().etag);
        request
    };
    let after = update(&admin, with(&etag, &["analyst"])).await.unwrap();
    let answer = update(&admin, with(&etag, &["manage_roles"])).await;
    let metadata = refused(answer, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(metadata["resource"], member_name(&place, &user));
    assert_eq!(seen(&place, &user).await.unwrap().etag, after.etag);
    update(&admin, with(&after.etag, &["manage_roles"])).await.unwrap();
}

#[tokio::test]
async fn refuses_whoever_may_not_change_members_there() {
    let admin = admin().await;
    let (tree, unrelated, nowhere) = (mssp(&admin, 2).await, managed(&admin).await, no_community());
    let place = &tree.inside[0];
    let user = somebody();
    enrol(&admin, &tree.root, &user, vec![grant(place, &["guest"])]).await;
    for outsider in outsiders(&admin, &tree).await {
        denied(update(&outsider, request(place, &user, &["analyst"])).await, "members.update", place);
        // Authority comes before the rest, and nobody changes himself.
        let bad = UpdateMemberRequest { request_id: "42".to_owned(), ..request(place, &outsider.name, &[]) };
        denied(update(&outsider, bad).await, "members.update", place);
    }
    let inner = holder(&admin, &tree.root, vec![grant(place, &["admin"])]).await;
    for hidden in [&tree.root, &unrelated, &nowhere] {
        denied(update(&inner, request(hidden, &user, &["analyst"])).await, "members.update", hidden);
    }
    suspend_community(&admin, place).await;
    let answer = update(&inner, request(place, &user, &["analyst"])).await;
    let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
    assert_eq!((&metadata["community"], &*metadata["state"]), (place, "SUSPENDED"));
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mut bad = request(&place, &admin.name, &["guest", ""]);
    bad.member.as_mut().unwrap().roles[0].inheritance = 77;
    bad.update_mask = Some(FieldMask { paths: vec!["roles".to_owned(), "state".to_owned()] });
    bad.request_id = "42".to_owned();
    let fields = ["update_mask", "member.roles[0].inheritance", "member.roles[1].role", "request_id"];
    refused_fields(update(&admin, bad).await, &fields);
    let empty = update(&admin, UpdateMemberRequest::default()).await;
    refused_fields(empty, &["member.name", "member.roles"]);
    for count in [0, 21] {
        let answer = update(&admin, request(&place, &admin.name, &vec!["admin"; count])).await;
        refused_fields(answer, &["member.roles"]);
    }
    // Here nobody is called `me`.
    refused_fields(update(&admin, request(&place, "users/me", &["admin"])).await, &["member.name"]);
}

#[tokio::test]
async fn a_repeated_request_changes_nothing_more() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = somebody();
    enrol(&admin, &place, &user, vec![grant(&place, &["guest"])]).await;
    let asked = request(&place, &user, &["analyst"]);
    let (one, other) = tokio::join!(update(&admin, asked.clone()), update(&admin, asked.clone()));
    let after = one.unwrap();
    assert_eq!(other.unwrap(), after);
    update(&admin, request(&place, &user, &["manage_roles"])).await.unwrap();
    assert_eq!(update(&admin, asked.clone()).await.unwrap(), after);
    assert_eq!(names(&seen(&place, &user).await.unwrap().roles), [format!("{place}/roles/manage_roles")]);

    let mut changed = asked.clone();
    changed.member.as_mut().unwrap().roles = given(&["guest"]);
    let metadata = refused(update(&admin, changed).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(metadata["request_id"], asked.request_id);
}
