use tonic::{Code, Status};
use usher_api::community::{ResetMemberTwoFactorRequest, ResetMemberTwoFactorResponse};
use usher_api::identity::complete_authentication_request::Proof;

use super::{denied, holder};
use crate::support::acts::{member_name, suspend_community};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, join, managed, member, mssp, role};
use crate::support::two_factor::{Enrolled, complete, enrol_by};

const PERMISSION: &str = "members.resetTwoFactor";

async fn reset(actor: &Person, place: &str, user: &str) -> Result<ResetMemberTwoFactorResponse, Status> {
    let request = ResetMemberTwoFactorRequest { name: member_name(place, user) };
    actor.caller.community().reset_member_two_factor(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn an_administrator_lets_a_member_enrol_anew() {
    let (admin, mira) = (admin().await, Enrolled::new("mira").await);
    let place = managed(&admin).await;
    let chief = member(&admin, &place, &place, &["admin"]).await;
    join(&admin, &place, &mira.person, vec![grant(&place, &["analyst"])]).await;
    let told = reset(&chief, &place, &mira.person.name).await.unwrap();
    assert!(told.expire_time.is_some());
    let asked = mira.challenge().await;
    let next = complete(&asked.token, Proof::RecoveryCode(told.recovery_code)).await.unwrap();
    let (_, answer) = enrol_by(&next.challenge.unwrap()).await;
    assert_eq!(answer.credentials.unwrap().user, mira.person.name);
}

#[tokio::test]
async fn the_permission_and_power_over_the_member_are_needed() {
    let (admin, mira, noor) = (admin().await, Enrolled::new("mira").await, Person::new("noor").await);
    let place = managed(&admin).await;
    let helper = role(&admin, &place, &[PERMISSION, "members.list", "communities.get"]).await;
    let helper = holder(&admin, &place, vec![grant(&place, &[&helper, "guest"])]).await;
    let guest = holder(&admin, &place, vec![grant(&place, &["guest"])]).await;
    join(&admin, &place, &mira.person, vec![grant(&place, &["admin"])]).await;
    for outsider in [&guest, &noor] {
        denied(reset(outsider, &place, &mira.person.name).await, PERMISSION, &place);
    }
    let beyond = reset(&helper, &place, &mira.person.name).await;
    refused(beyond, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    join(&admin, &place, &noor, vec![grant(&place, &["guest"])]).await;
    let plain = reset(&helper, &place, &noor.name).await;
    let metadata = refused(plain, Code::FailedPrecondition, "TWO_FACTOR_NOT_ENABLED");
    assert_eq!(metadata["user"], noor.name);
}

#[tokio::test]
async fn who_belongs_elsewhere_too_is_not_for_one_community_to_open() {
    let (admin, mira) = (admin().await, Enrolled::new("mira").await);
    let (here, there) = (managed(&admin).await, managed(&admin).await);
    let chief = member(&admin, &here, &here, &["admin"]).await;
    join(&admin, &here, &mira.person, vec![grant(&here, &["guest"])]).await;
    join(&admin, &there, &mira.person, vec![grant(&there, &["guest"])]).await;
    let metadata =
        refused(reset(&chief, &here, &mira.person.name).await, Code::FailedPrecondition, "MEMBER_ELSEWHERE");
    assert_eq!(metadata["user"], mira.person.name);
    join(&admin, &there, &chief, vec![grant(&there, &["admin"])]).await;
    reset(&chief, &here, &mira.person.name).await.expect("he administers both");
}

#[tokio::test]
async fn of_a_tree_the_administrator_above_may_and_of_a_community_inside_its_own() {
    let (admin, mira) = (admin().await, Enrolled::new("mira").await);
    let tree = mssp(&admin, 2).await;
    let chief = member(&admin, &tree.root, &tree.inside[0], &["admin"]).await;
    join(&admin, &tree.root, &mira.person, vec![grant(&tree.inside[0], &["guest"])]).await;
    reset(&chief, &tree.inside[0], &mira.person.name).await.unwrap();
    join(&admin, &tree.root, &mira.person, vec![grant(&tree.inside[1], &["guest"])]).await;
    let beyond = reset(&chief, &tree.inside[0], &mira.person.name).await;
    refused(beyond, Code::FailedPrecondition, "MEMBER_ELSEWHERE");
    let above = holder(&admin, &tree.root, vec![grant(&tree.root, &["admin"])]).await;
    reset(&above, &tree.inside[0], &mira.person.name).await.unwrap();
}

#[tokio::test]
async fn others_are_refused() {
    let (admin, mira) = (admin().await, Enrolled::new("mira").await);
    let place = managed(&admin).await;
    let chief = member(&admin, &place, &place, &["admin"]).await;
    let stranger = reset(&chief, &place, &mira.person.name).await;
    refused(stranger, Code::NotFound, "MEMBER_NOT_FOUND");
    let platform = reset(&chief, &place, &admin.name).await;
    refused(platform, Code::FailedPrecondition, "PLATFORM_ADMINISTRATOR");
    refused_fields(reset(&chief, "communities/x", "users/y").await, &["name"]);
    join(&admin, &place, &mira.person, vec![grant(&place, &["guest"])]).await;
    suspend_community(&admin, &place).await;
    let stopped = reset(&chief, &place, &mira.person.name).await;
    refused(stopped, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
}
