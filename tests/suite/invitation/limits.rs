//! How many people may be invited.

use sandbox::until;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use usher_api::invitation::{
    CreateInvitationResponse, DeliveryState, GetInvitationRequest, InvitationLimit, ResendInvitationRequest,
};

use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::rows::use_up;
use crate::support::tree::{grant, invite, managed, member, mssp, offer};

/// As the sandbox sets them.
const TREE: i64 = 20_000;
const INVITER: i64 = 200_000;
const MAILS: usize = 5;

async fn ask(inviter: &Person, place: &str, replica: usize) -> Result<CreateInvitationResponse, Status> {
    let request = offer(place, &address("guest"), vec![grant(place, &["guest"])]);
    let caller = inviter.caller.at_replica(replica);
    Ok(caller.invitation().create_invitation(request).await?.into_inner())
}

#[tokio::test]
async fn an_inviter_who_invited_enough_waits() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manager = member(&admin, &place, &place, &["manage_member"]).await;
    let answer = ask(&manager, &place, 0).await.unwrap();
    let left: Vec<_> = answer.allowances.iter().map(|it| (it.limit(), i64::from(it.recipients))).collect();
    assert_eq!(left, [(InvitationLimit::Inviter, INVITER), (InvitationLimit::Tree, TREE)]);
    assert!(answer.allowances.iter().all(|it| it.remaining < it.recipients && it.remaining > 19_000));

    use_up("inviter", &manager.name, INVITER, 0).await;
    let answer = ask(&manager, &place, 1).await;
    let details = answer.as_ref().unwrap_err().get_error_details();
    let wait = details.retry_info().unwrap().retry_delay.unwrap().as_secs();
    assert!((3_000..=3_700).contains(&wait), "{wait}");
    assert_eq!(details.quota_failure().unwrap().violations[0].subject, "INVITATION_LIMIT_INVITER");
    let metadata = refused(answer, Code::ResourceExhausted, "INVITER_RATE_LIMITED");
    assert_eq!((&*metadata["limit"], &*metadata["recipients"]), ("INVITER", "200000"));
    assert_eq!(metadata["period_s"], "86400");
    // Others are not kept waiting.
    ask(&admin, &place, 0).await.unwrap();
}

#[tokio::test]
async fn a_tree_takes_so_many_whoever_invites_them_and_whichever_replica_counts() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let place = &tree.inside[0];
    let manager = member(&admin, &tree.root, place, &["manage_member"]).await;
    use_up("tree", &tree.root, TREE, 2).await;
    let into = |inviter: &Person, replica| {
        let request = offer(&tree.root, &address("guest"), vec![grant(place, &["guest"])]);
        let caller = inviter.caller.at_replica(replica);
        async move { caller.invitation().create_invitation(request).await }
    };
    into(&manager, 0).await.unwrap();
    let answer = into(&admin, 1).await.unwrap().into_inner();
    let of_tree = answer.allowances.iter().find(|it| it.limit() == InvitationLimit::Tree).unwrap();
    assert_eq!(of_tree.remaining, 0);
    let answer = into(&manager, 1).await;
    assert_eq!(refused(answer, Code::ResourceExhausted, "INVITER_RATE_LIMITED")["limit"], "TREE");
    ask(&admin, &managed(&admin).await, 0).await.unwrap();
}

#[tokio::test]
async fn what_is_refused_counts_for_nothing() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let email = address("guest");
    invite(&admin, &place, &email, vec![grant(&place, &["guest"])]).await;
    use_up("tree", &place, TREE, 1).await;
    for _ in 0..3 {
        let again = offer(&place, &email, vec![grant(&place, &["guest"])]);
        let answer = admin.caller.invitation().create_invitation(again).await;
        refused(answer, Code::AlreadyExists, "INVITATION_ALREADY_PENDING");
    }
    ask(&admin, &place, 0).await.unwrap();
}

#[tokio::test]
async fn a_person_who_got_enough_mails_is_invited_without_one() {
    let admin = admin().await;
    let tree = mssp(&admin, MAILS + 1).await;
    let email = address("guest");
    let mut invitations = Vec::new();
    for place in &tree.inside {
        let mut request = offer(&tree.root, &email, vec![grant(place, &["guest"])]);
        request.notify = Some(true);
        let answer = admin.caller.invitation().create_invitation(request).await.unwrap().into_inner();
        invitations.push(answer.invitation.unwrap());
    }
    let last = invitations.pop().unwrap();
    assert_eq!((last.delivery_state(), last.send_count), (DeliveryState::Suppressed, 0));
    for mailed in invitations {
        until("the mail is sent", || async {
            let request = GetInvitationRequest { name: mailed.name.clone() };
            let seen =
                admin.caller.invitation().get_invitation(request).await.ok()?.into_inner().invitation?;
            (seen.delivery_state() == DeliveryState::Sent).then_some(())
        })
        .await;
    }
    // However it is spelled, and whoever sends it.
    let request = ResendInvitationRequest { name: last.name, ..ResendInvitationRequest::default() };
    let again = admin.caller.invitation().resend_invitation(request).await.unwrap().into_inner();
    assert_eq!(again.invitation.unwrap().delivery_state(), DeliveryState::Suppressed);
}
