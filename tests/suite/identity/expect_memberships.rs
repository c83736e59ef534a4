use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::{ExpectMembershipsRequest, ExpectedMembership};

use super::two_factor_enforcement::{enforce, is_enforced, own_place};
use crate::support::people::Person;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, join};
use crate::support::two_factor::{Enrolled, authenticate};

async fn expect(user: &str, community: &str) -> Result<bool, Status> {
    let membership =
        ExpectedMembership { community: community.to_owned(), root: community.to_owned(), inherits: false };
    let request = ExpectMembershipsRequest { user: user.to_owned(), memberships: vec![membership] };
    let answer = Caller::nobody().service("invitation").identity().expect_memberships(request).await?;
    Ok(answer.into_inner().enrollment_required)
}

#[tokio::test]
async fn what_the_community_asks_counts_at_once_for_whoever_has_a_second_factor() {
    let ((place, admin), witness) = (own_place().await, Person::new("witness").await);
    join(&admin, &place, &witness, vec![grant(&place, &["guest"])]).await;
    enforce(&admin, &place).await;
    is_enforced(&witness, true).await;
    let enrolled = Enrolled::new("mira").await.person;
    is_enforced(&enrolled, false).await;
    assert!(!expect(&enrolled.name, &place).await.unwrap());
    assert!(!expect(&enrolled.name, &place).await.unwrap());
    is_enforced(&enrolled, true).await;
    // Who has none has to enrol first, and nothing is asked of him until then.
    let bare = Person::new("bare").await;
    assert!(expect(&bare.name, &place).await.unwrap());
    is_enforced(&bare, false).await;
    assert!(authenticate(&bare.email, crate::support::people::PASSWORD).await.unwrap().credentials.is_some());
}

#[tokio::test]
async fn is_for_the_invitation_service_alone_and_tells_all_that_is_wrong() {
    let mira = Person::new("mira").await;
    for caller in [&mira.caller, &Caller::nobody().service("alerts")] {
        let answer = caller.identity().expect_memberships(ExpectMembershipsRequest::default()).await;
        refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
    let bad = ExpectMembershipsRequest {
        user: "mira".to_owned(),
        memberships: vec![ExpectedMembership::default()],
    };
    let answer = Caller::nobody().service("invitation").identity().expect_memberships(bad).await;
    refused_fields(answer, &["user", "memberships[0].community", "memberships[0].root"]);
    let nobody = format!("users/{}", uuid::Uuid::new_v4());
    let place = format!("communities/{}", uuid::Uuid::new_v4());
    refused(expect(&nobody, &place).await, Code::NotFound, "USER_NOT_FOUND");
}
