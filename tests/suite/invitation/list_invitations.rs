mod risks;

use std::collections::BTreeSet;

use prost_types::{Duration, Timestamp};
use sandbox::{Caller, until};
use tonic::Code;
use usher_api::invitation::{
    DeclineInvitationRequest, DeliveryState, Invitation, InvitationRisk, InvitationState,
    ListInvitationsRequest, ListInvitationsResponse, RevokeInvitationRequest, TimeRange,
};
use usher_runtime::Clock;

use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{expired, grant, invite, managed, member, mssp, offer, role, token};

fn request(root: &str) -> ListInvitationsRequest {
    ListInvitationsRequest { parent: root.to_owned(), ..ListInvitationsRequest::default() }
}

async fn list(
    person: &Person,
    request: ListInvitationsRequest,
) -> Result<ListInvitationsResponse, tonic::Status> {
    person.caller.invitation().list_invitations(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn pages_through_all_newest_first() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(
            invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await.name,
        );
    }
    made.reverse();
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = list(&admin, ListInvitationsRequest { page_size: 2, page_token, ..request(&community) })
            .await
            .unwrap();
        assert!(page.invitations.len() <= 2);
        seen.extend(page.invitations.into_iter().map(|invitation| invitation.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen.iter().collect::<BTreeSet<_>>(), made.iter().collect::<BTreeSet<_>>());
    assert_eq!(seen.len(), 5);
}

/// The names that a request lists, in their order.
async fn names(person: &Person, request: ListInvitationsRequest) -> Vec<String> {
    let page = list(person, request).await.unwrap();
    assert_eq!(page.invitations.len(), usize::try_from(page.total_size).unwrap());
    page.invitations.into_iter().map(|invitation| invitation.name).collect()
}

#[tokio::test]
async fn filters_by_community_state_and_address() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (ana, bo) = (address("ana"), address("bo"));
    let of_ana = invite(&admin, &tree.root, &ana, vec![grant(&tree.inside[0], &["guest"])]).await.name;
    let of_bo = invite(&admin, &tree.root, &bo, vec![grant(&tree.inside[1], &["guest"])]).await.name;
    let all = || request(&tree.root);
    let inside = ListInvitationsRequest { community: tree.inside[0].clone(), ..all() };
    assert_eq!(names(&admin, inside).await, [of_ana.clone()]);
    let to_bo = ListInvitationsRequest { email: bo.to_uppercase(), ..all() };
    assert_eq!(names(&admin, to_bo).await, [of_bo.clone()]);
    let search = ListInvitationsRequest { search: format!(" {} ", ana[..12].to_uppercase()), ..all() };
    assert_eq!(names(&admin, search).await, [of_ana.clone()]);
    for nothing in ["%", "_", "\\"] {
        let search = ListInvitationsRequest { search: nothing.to_owned(), ..all() };
        assert!(names(&admin, search).await.is_empty(), "{nothing}");
    }
    let pending = ListInvitationsRequest { states: vec![InvitationState::Pending.into()], ..all() };
    assert_eq!(names(&admin, pending).await, [of_bo.clone(), of_ana.clone()]);
    revoke(&admin, &of_ana).await;
    let revoked = ListInvitationsRequest { states: vec![InvitationState::Revoked.into()], ..all() };
    assert_eq!(names(&admin, revoked).await, [of_ana]);
    let ended = [InvitationState::Accepted, InvitationState::Expired, InvitationState::Declined];
    let ended = ListInvitationsRequest { states: ended.map(Into::into).to_vec(), ..all() };
    assert!(names(&admin, ended).await.is_empty());
}

#[tokio::test]
async fn expired_ones_are_listed_as_such_and_so_are_declined_ones() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let grants = || vec![grant(&community, &["guest"])];
    let (late, _) = expired(&admin, &community, &address("late"), grants()).await;
    let unwilling = invite(&admin, &community, &address("guest"), grants()).await.name;
    let token = token(&admin, &unwilling).await;
    let request_to_decline = DeclineInvitationRequest { token, ..DeclineInvitationRequest::default() };
    Caller::nobody().invitation().decline_invitation(request_to_decline).await.unwrap();
    for (state, name) in [(InvitationState::Expired, late), (InvitationState::Declined, unwilling)] {
        let wanted = ListInvitationsRequest { states: vec![state.into()], ..request(&community) };
        assert_eq!(names(&admin, wanted).await, [name]);
    }
    let pending =
        ListInvitationsRequest { states: vec![InvitationState::Pending.into()], ..request(&community) };
    assert!(names(&admin, pending).await.is_empty());
}

#[tokio::test]
async fn filters_by_inviter_and_role() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (one, two) = (&tree.inside[0], &tree.inside[1]);
    let custom = role(&admin, one, &["members.list"]).await;
    let manager = member(&admin, &tree.root, one, &["manage_member"]).await;
    let other = member(&admin, &tree.root, one, &["manage_member"]).await;
    let by_manager = invite(&manager, &tree.root, &address("a"), vec![grant(one, &["guest"])]).await.name;
    let both = vec![grant(one, &["guest", &custom]), grant(two, &["analyst"])];
    let by_admin = invite(&admin, &tree.root, &address("b"), both).await.name;
    let pending =
        || ListInvitationsRequest { states: vec![InvitationState::Pending.into()], ..request(&tree.root) };
    let of = |inviter: &Person| ListInvitationsRequest { inviter: inviter.name.clone(), ..pending() };
    assert_eq!(names(&admin, of(&manager)).await, [by_manager.clone()]);
    assert_eq!(names(&admin, of(&admin)).await, [by_admin.clone()]);
    assert!(names(&admin, of(&other)).await.is_empty());

    let with = |role: &str| ListInvitationsRequest { role: role.to_owned(), ..pending() };
    assert_eq!(names(&admin, with("guest")).await, [by_admin.clone(), by_manager]);
    assert_eq!(names(&admin, with("analyst")).await, [by_admin.clone()]);
    assert_eq!(names(&admin, with(&custom)).await, [by_admin.clone()]);
    assert_eq!(names(&admin, with(&format!("{two}/roles/analyst"))).await, [by_admin]);
    for none in [format!("{two}/roles/guest"), "admin".to_owned(), "uest".to_owned()] {
        assert!(names(&admin, with(&none)).await.is_empty(), "{none}");
    }
}

#[tokio::test]
async fn filters_by_what_became_of_the_mail_and_by_risk() {
    let admin = admin().await;
    let (community, email) = (managed(&admin).await, address("mailed"));
    let grants = || vec![grant(&community, &["guest"])];
    let mut mailed = offer(&community, &email, grants());
    mailed.notify = None;
    let mailed = admin.caller.invitation().create_invitation(mailed).await.unwrap().into_inner();
    let mailed = mailed.invitation.unwrap().name;
    let unmailed = invite(&admin, &community, &address("unmailed"), grants()).await.name;
    let mut short = offer(&community, &address("short"), grants());
    short.ttl = Some(Duration { seconds: 47 * 3_600, nanos: 0 });
    let short = admin.caller.invitation().create_invitation(short).await.unwrap().into_inner();
    let short = short.invitation.unwrap().name;

    let sent = || ListInvitationsRequest {
        delivery_states: vec![DeliveryState::Sent.into()],
        ..request(&community)
    };
    until("the mail is known to have left", || async {
        (!list(&admin, sent()).await.unwrap().invitations.is_empty()).then_some(())
    })
    .await;
    assert_eq!(names(&admin, sent()).await, [mailed.clone()]);
    let at_risk = |risks: &[InvitationRisk]| ListInvitationsRequest {
        risks: risks.iter().map(|risk| i32::from(*risk)).collect(),
        ..request(&community)
    };
    let (undelivered, ending) = (InvitationRisk::NeverDelivered, InvitationRisk::NearExpiry);
    assert_eq!(names(&admin, at_risk(&[undelivered])).await, [short.clone(), unmailed.clone()]);
    assert_eq!(names(&admin, at_risk(&[ending])).await, [short.clone()]);
    assert_eq!(names(&admin, at_risk(&[undelivered, ending])).await, [short.clone(), unmailed.clone()]);
    revoke(&admin, &unmailed).await;
    assert_eq!(names(&admin, at_risk(&[undelivered])).await, [short], "what has ended is at no risk");

    let sent_since = |seconds: i64| {
        let start_time =
            Some(Timestamp { seconds: Clock::system().now().unix_seconds() + seconds, nanos: 0 });
        let last_send_time = Some(TimeRange { start_time, end_time: None });
        ListInvitationsRequest { last_send_time, ..request(&community) }
    };
    assert_eq!(names(&admin, sent_since(-600)).await, [mailed]);
    assert!(names(&admin, sent_since(600)).await.is_empty());
}

#[tokio::test]
async fn filters_by_time_and_orders_as_asked_page_by_page() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let mut made = Vec::new();
    for (word, hours) in [("b", 5), ("c", 3), ("a", 4), ("d", 3)] {
        let mut request = offer(&community, &address(word), vec![grant(&community, &["guest"])]);
        request.ttl = Some(Duration { seconds: hours * 3_600, nanos: 0 });
        let answer = admin.caller.invitation().create_invitation(request).await.unwrap().into_inner();
        made.push(answer.invitation.unwrap());
    }
    let [b, c, a, d] = <[Invitation; 4]>::try_from(made).unwrap();
    let orders = [
        ("", [&d, &a, &c, &b]),
        ("create_time", [&b, &c, &a, &d]),
        ("email", [&a, &b, &c, &d]),
        ("email desc", [&d, &c, &b, &a]),
        ("expire_time", [&c, &d, &a, &b]),
        ("update_time desc", [&d, &a, &c, &b]),
    ];
    for (order_by, expected) in orders {
        let order_by = order_by.to_owned();
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListInvitationsRequest {
                page_size: 1,
                page_token,
                order_by: order_by.clone(),
                ..request(&community)
            };
            let page = list(&admin, request).await.unwrap();
            assert_eq!(page.total_size, 4);
            seen.extend(page.invitations.into_iter().map(|invitation| invitation.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, expected.map(|invitation| invitation.name.clone()), "{order_by}");
    }
    let ranges = [
        (TimeRange { start_time: c.create_time, end_time: d.create_time }, vec![&a, &c]),
        (TimeRange { start_time: a.create_time, end_time: None }, vec![&d, &a]),
        (TimeRange { start_time: None, end_time: c.create_time }, vec![&b]),
    ];
    for (range, expected) in ranges {
        let wanted = ListInvitationsRequest { create_time: Some(range), ..request(&community) };
        let expected: Vec<_> = expected.into_iter().map(|invitation| invitation.name.clone()).collect();
        assert_eq!(names(&admin, wanted).await, expected);
    }
    let until_c = TimeRange { start_time: None, end_time: a.expire_time };
    let wanted = ListInvitationsRequest {
        expire_time: Some(until_c),
        order_by: "email".to_owned(),
        ..request(&community)
    };
    assert_eq!(names(&admin, wanted).await, [c.name, d.name]);
}

async fn revoke(person: &Person, name: &str) {
    let request = RevokeInvitationRequest { name: name.to_owned(), ..RevokeInvitationRequest::default() };
    person.caller.invitation().revoke_invitation(request).await.expect("it is revoked");
}

#[tokio::test]
async fn a_page_token_serves_its_own_list_only() {
    let admin = admin().await;
    let (community, other) = (managed(&admin).await, managed(&admin).await);
    for _ in 0..2 {
        invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    }
    let first = list(&admin, ListInvitationsRequest { page_size: 1, ..request(&community) }).await.unwrap();
    for page_token in [first.next_page_token.clone(), "forged".to_owned()] {
        let answer = list(&admin, ListInvitationsRequest { page_token, ..request(&other) }).await;
        refused(answer, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let backwards = TimeRange {
        start_time: Some(Timestamp { seconds: 2, nanos: 0 }),
        end_time: Some(Timestamp { seconds: 1, nanos: 0 }),
    };
    let bad = ListInvitationsRequest {
        parent: "x".to_owned(),
        community: "y".to_owned(),
        states: vec![InvitationState::Pending.into(), 77, 0],
        email: "nobody".to_owned(),
        page_size: -1,
        page_token: String::new(),
        search: "x".repeat(101),
        delivery_states: vec![99],
        inviter: "somebody".to_owned(),
        role: "No Role".to_owned(),
        create_time: Some(backwards),
        expire_time: None,
        last_send_time: Some(backwards),
        risks: vec![0],
        order_by: "state".to_owned(),
    };
    let fields = [
        "parent",
        "community",
        "states[1]",
        "states[2]",
        "email",
        "page_size",
        "search",
        "delivery_states[0]",
        "inviter",
        "role",
        "create_time",
        "last_send_time",
        "risks[0]",
        "order_by",
    ];
    refused_fields(list(&admin, bad).await, &fields);
}

#[tokio::test]
async fn members_of_one_community_do_not_list_the_tree() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let reader = member(&admin, &tree.root, &tree.inside[0], &["guest"]).await;
    refused(list(&reader, request(&tree.root)).await, Code::PermissionDenied, "PERMISSION_DENIED");
    let sibling = ListInvitationsRequest { community: tree.inside[1].clone(), ..request(&tree.root) };
    refused(list(&reader, sibling).await, Code::PermissionDenied, "PERMISSION_DENIED");
    let own = ListInvitationsRequest { community: tree.inside[0].clone(), ..request(&tree.root) };
    assert_eq!(list(&reader, own).await.unwrap().invitations.len(), 1);
}
