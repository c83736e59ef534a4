//! Invitations that wait and are better looked at.

use sandbox::{Caller, until};
use usher_api::community::{DeleteRoleRequest, Inheritance};
use usher_api::invitation::{
    BatchRevokeInvitationsRequest, ImportHeader, ImportInvitationsRequest, InvitationRisk,
    ListInvitationsRequest,
};

use super::{list, request, revoke};
use crate::support::acts::{set_permissions, set_roles};
use crate::support::address;
use crate::support::keys::{key_request, living, make_key, may_for};
use crate::support::people::{Person, admin};
use crate::support::tree::{grant, invite, managed, member, mssp, role};

const PRIVILEGED: InvitationRisk = InvitationRisk::PrivilegedRoles;
const INACTIVE: InvitationRisk = InvitationRisk::InviterInactive;
const CHANGED: InvitationRisk = InvitationRisk::RoleChanged;

fn at_risk(root: &str, risks: &[InvitationRisk]) -> ListInvitationsRequest {
    let risks = risks.iter().map(|risk| i32::from(*risk)).collect();
    ListInvitationsRequest { risks, ..request(root) }
}

/// The names that a request lists on all pages, in their order.
async fn all_names(person: &Person, request: ListInvitationsRequest) -> Vec<String> {
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = list(person, ListInvitationsRequest { page_token, ..request.clone() }).await.unwrap();
        names.extend(page.invitations.into_iter().map(|invitation| invitation.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return names;
        }
    }
}

#[tokio::test]
async fn what_administers_is_found_among_the_rest_page_by_page() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let mut privileged = Vec::new();
    for place in 0..6 {
        let roles = if place % 2 == 0 { ["guest"] } else { ["manage_member"] };
        let made = invite(&admin, &community, &address("guest"), vec![grant(&community, &roles)]).await;
        if place % 2 == 1 {
            privileged.insert(0, made.name);
        }
    }
    for page_size in [1, 2, 3, 0] {
        let wanted = ListInvitationsRequest { page_size, ..at_risk(&community, &[PRIVILEGED]) };
        let page = list(&admin, wanted.clone()).await.unwrap();
        // Among how many they are sought.
        assert_eq!(page.total_size, 6);
        assert_eq!(page.next_page_token.is_empty(), [0, 3].contains(&page_size));
        assert_eq!(all_names(&admin, wanted).await, privileged, "{page_size}");
    }
    let others = ListInvitationsRequest {
        order_by: "email".to_owned(),
        ..at_risk(&community, &[PRIVILEGED, InvitationRisk::NeverDelivered])
    };
    assert_eq!(all_names(&admin, others).await.len(), 6, "one of several risks is enough");
    revoke(&admin, &privileged[0]).await;
    assert_eq!(all_names(&admin, at_risk(&community, &[PRIVILEGED])).await, privileged[1..]);
}

#[tokio::test]
async fn what_its_inviter_may_not_give_any_more_is_found() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let narrow = role(&admin, &community, &["members.list"]).await;
    let (loser, keeper) = (
        member(&admin, &community, &community, &["manage_member"]).await,
        member(&admin, &community, &community, &["manage_member"]).await,
    );
    let grants = || vec![grant(&community, &[&narrow])];
    let lost = invite(&loser, &community, &address("a"), grants()).await.name;
    let kept = invite(&keeper, &community, &address("b"), grants()).await.name;
    let short = living(5, key_request(&community, &["invitations.create", "members.list"]));
    let short = make_key(&admin, short).await.unwrap();
    let of_key = by(&short.caller, &community, grants()).await;
    assert_eq!(all_names(&admin, at_risk(&community, &[INACTIVE])).await, [""; 0]);
    set_roles(&admin, &community, &loser.name, [("guest".to_owned(), Inheritance::Self_)]).await;
    until("the key has expired", || async {
        (!may_for(&short.key.name, "", &community, "invitations.create").await).then_some(())
    })
    .await;
    assert_eq!(all_names(&admin, at_risk(&community, &[INACTIVE])).await, [of_key.clone(), lost.clone()]);

    // They can be withdrawn together.
    let request = BatchRevokeInvitationsRequest {
        parent: community.clone(),
        risks: vec![INACTIVE.into()],
        ..BatchRevokeInvitationsRequest::default()
    };
    let trial = BatchRevokeInvitationsRequest { validate_only: true, page_size: 1, ..request.clone() };
    let trial = admin.caller.invitation().batch_revoke_invitations(trial).await.unwrap().into_inner();
    assert_eq!((trial.revoked.as_slice(), trial.total_size), (&[lost.clone()][..], 3));
    assert!(!trial.next_page_token.is_empty());
    let answer = admin.caller.invitation().batch_revoke_invitations(request).await.unwrap().into_inner();
    assert_eq!(answer.revoked, [lost, of_key]);
    let left = all_names(&admin, request_of_pending(&community)).await;
    assert_eq!(left, [kept]);
}

fn request_of_pending(root: &str) -> ListInvitationsRequest {
    let pending = usher_api::invitation::InvitationState::Pending;
    ListInvitationsRequest { states: vec![pending.into()], ..request(root) }
}

/// Has a program invite somebody, and returns the name of the invitation.
async fn by(program: &Caller, root: &str, grants: Vec<usher_api::community::Grant>) -> String {
    let asked = crate::support::tree::offer(root, &address("guest"), grants);
    let answer = program.invitation().create_invitation(asked).await.unwrap();
    answer.into_inner().invitation.unwrap().name
}

#[tokio::test]
async fn what_offers_roles_that_were_changed_or_deleted_is_found_until_it_is_sent_again() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let (growing, going, steady) = (
        role(&admin, &community, &["members.list"]).await,
        role(&admin, &community, &["members.list"]).await,
        role(&admin, &community, &["members.list"]).await,
    );
    let mut names = Vec::new();
    for role in [&growing, &going, &steady] {
        names
            .push(invite(&admin, &community, &address("guest"), vec![grant(&community, &[role])]).await.name);
    }
    assert_eq!(all_names(&admin, at_risk(&community, &[CHANGED])).await, [""; 0]);
    set_permissions(&admin, &growing, &["members.list", "roles.list"]).await;
    let gone = DeleteRoleRequest { name: going, force: true, ..DeleteRoleRequest::default() };
    admin.caller.community().delete_role(gone).await.unwrap();
    let changed = all_names(&admin, at_risk(&community, &[CHANGED])).await;
    assert_eq!(changed, [names[1].clone(), names[0].clone()]);
    let again = usher_api::invitation::ResendInvitationRequest {
        name: names[0].clone(),
        ..usher_api::invitation::ResendInvitationRequest::default()
    };
    admin.caller.invitation().resend_invitation(again).await.unwrap();
    assert_eq!(all_names(&admin, at_risk(&community, &[CHANGED])).await, [names[1].clone()]);
}

#[tokio::test]
async fn nobody_learns_what_is_wrong_with_what_he_does_not_see() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (one, two) = (&tree.inside[0], &tree.inside[1]);
    let both = vec![grant(one, &["guest"]), grant(two, &["admin"])];
    let name = invite(&admin, &tree.root, &address("guest"), both).await.name;
    let guest = member(&admin, &tree.root, one, &["guest"]).await;
    let inside = |place: &str| ListInvitationsRequest {
        community: place.to_owned(),
        ..at_risk(&tree.root, &[PRIVILEGED])
    };
    assert_eq!(all_names(&guest, inside(one)).await, [""; 0]);
    assert_eq!(all_names(&admin, inside(one)).await, [name]);
}

#[tokio::test]
async fn one_call_looks_at_so_many_and_leads_on_to_the_rest() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let oldest =
        invite(&admin, &community, &address("guest"), vec![grant(&community, &["admin"])]).await.name;
    let header = ImportHeader {
        parent: community.clone(),
        grants: vec![grant(&community, &["guest"])],
        notify: Some(false),
        ..ImportHeader::default()
    };
    let emails: Vec<String> = (0..1_010).map(|_| address("guest")).collect();
    let import = ImportInvitationsRequest {
        header: Some(header),
        emails: emails.join(","),
        ..ImportInvitationsRequest::default()
    };
    let import = admin.caller.invitation().import_invitations(futures::stream::iter([import])).await;
    let mut results = import.unwrap().into_inner();
    while let Some(answer) = results.message().await.unwrap() {
        assert_eq!(answer.progress.unwrap().refused, 0);
    }
    let first = list(&admin, at_risk(&community, &[PRIVILEGED])).await.unwrap();
    assert!(first.invitations.is_empty() && first.total_size == 1_011);
    let rest =
        ListInvitationsRequest { page_token: first.next_page_token, ..at_risk(&community, &[PRIVILEGED]) };
    let rest = list(&admin, rest).await.unwrap();
    assert_eq!((&rest.invitations[0].name, &*rest.next_page_token), (&oldest, ""));
}
