use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{BatchCheckAccessRequest, CheckAccessRequest};

use super::{alone, enrol, holder, somebody};
use crate::support::acts::{delete_community, suspend_community, suspend_member};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, mssp};

fn check(user: &str, community: &str, permission: &str) -> CheckAccessRequest {
    CheckAccessRequest {
        user: user.to_owned(),
        community: community.to_owned(),
        permission: permission.to_owned(),
        consistency_token: String::new(),
        on_behalf_of: String::new(),
    }
}

async fn answers(caller: &Caller, checks: Vec<CheckAccessRequest>) -> Result<Vec<bool>, Status> {
    let request = BatchCheckAccessRequest { checks, consistency_token: String::new() };
    let answer = caller.community().batch_check_access(request).await?;
    Ok(answer.into_inner().results.into_iter().map(|result| result.allowed).collect())
}

#[tokio::test]
async fn answers_a_thousand_checks_in_their_order() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (everywhere, outside) = (somebody(), somebody());
    enrol(&admin, &tree.root, &everywhere, vec![grant(&tree.root, &["guest"])]).await;
    enrol(&admin, &tree.root, &outside, vec![alone(&tree.root, &["admin"])]).await;
    let few = [
        (check(&everywhere, &tree.inside[0], "communities.get"), true),
        (check(&everywhere, &tree.inside[1], "members.delete"), false),
        (check(&outside, &tree.root, "members.delete"), true),
        (check(&outside, &tree.inside[0], "members.delete"), false),
        (check(&admin.name, &tree.inside[1], "COMMUNITY_REMOVE_MEMBER"), true),
    ];
    let (checks, expected): (Vec<_>, Vec<_>) = few.iter().cloned().cycle().take(1_000).unzip();
    let service = Caller::nobody().service("alerts");
    assert_eq!(answers(&service, checks).await.unwrap(), expected);
}

#[tokio::test]
async fn different_people_in_different_places_do_not_mix() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (one, two) = (somebody(), somebody());
    enrol(&admin, &tree.root, &one, vec![grant(&tree.inside[0], &["guest"])]).await;
    enrol(&admin, &tree.root, &two, vec![grant(&tree.inside[1], &["guest"])]).await;
    let places = [&tree.inside[0], &tree.inside[1]];
    let crossed =
        [&one, &two].into_iter().flat_map(|user| places.map(|place| check(user, place, "communities.get")));
    let service = Caller::nobody().service("alerts");
    assert_eq!(answers(&service, crossed.collect()).await.unwrap(), [true, false, false, true]);
}

#[tokio::test]
async fn who_and_what_is_stopped_does_not_stop_the_others() {
    let admin = admin().await;
    let tree = mssp(&admin, 3).await;
    let (root, one, two, three) = (&tree.root, &tree.inside[0], &tree.inside[1], &tree.inside[2]);
    let (user, other) = (somebody(), somebody());
    enrol(&admin, root, &user, vec![grant(root, &["guest"]), grant(one, &["guest"])]).await;
    enrol(&admin, root, &other, vec![grant(root, &["guest"])]).await;
    let asked = || {
        let people = [&user, &other, &admin.name];
        let everywhere = [root, one, two, three];
        people.into_iter().flat_map(move |user| everywhere.map(|place| check(user, place, "communities.get")))
    };
    let service = Caller::nobody().service("alerts");
    let allowed = || answers(&service, asked().collect());
    assert_eq!(allowed().await.unwrap(), [true; 12]);

    suspend_member(&admin, root, &user).await;
    suspend_community(&admin, two).await;
    delete_community(&admin, three).await;
    let (his, the_others) = ([false, true, false, false], [true, true, false, false]);
    assert_eq!(allowed().await.unwrap(), [his, the_others, the_others].concat());
    suspend_community(&admin, root).await;
    assert_eq!(allowed().await.unwrap(), [false; 12]);
}

#[tokio::test]
async fn a_check_asked_twice_is_answered_twice() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (user, inside) = (somebody(), &tree.inside[0]);
    enrol(&admin, &tree.root, &user, vec![grant(inside, &["guest"])]).await;
    let (yes, no) = (check(&user, inside, "communities.get"), check(&user, inside, "members.delete"));
    let checks = vec![yes.clone(), no.clone(), yes.clone(), no, yes];
    let service = Caller::nobody().service("alerts");
    assert_eq!(answers(&service, checks).await.unwrap(), [true, false, true, false, true]);
}

#[tokio::test]
async fn one_check_too_curious_refuses_all() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let guest = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["guest"])]).await;
    let fine = vec![
        check(&guest.name, &tree.inside[1], "communities.get"),
        check(&admin.name, &tree.inside[0], "communities.get"),
    ];
    assert_eq!(answers(&guest.caller, fine.clone()).await.unwrap(), [false, true]);
    let curious = fine.into_iter().chain([check(&admin.name, &tree.inside[1], "communities.get")]).collect();
    let metadata =
        refused(answers(&guest.caller, curious).await, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!((&*metadata["permission"], &metadata["resource"]), ("members.list", &tree.inside[1]));
}

#[tokio::test]
async fn refuses_what_is_not_a_batch() {
    let service = Caller::nobody().service("alerts");
    refused_fields(answers(&service, Vec::new()).await, &["checks"]);
    let good = check(&somebody(), &super::no_community(), "communities.get");
    refused_fields(answers(&service, vec![good.clone(); 1_001]).await, &["checks"]);
    let bad = vec![good.clone(), check("mira", "", "")];
    refused_fields(
        answers(&service, bad).await,
        &["checks[1].user", "checks[1].community", "checks[1].permission"],
    );
    let unknown = CheckAccessRequest { permission: "nothing.known".to_owned(), ..good.clone() };
    refused(answers(&service, vec![good, unknown]).await, Code::InvalidArgument, "UNKNOWN_PERMISSION");
}
