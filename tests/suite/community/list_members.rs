use std::collections::BTreeSet;

use futures::future::join_all;
use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{
    DeleteRoleRequest, ListMembersRequest, ListMembersResponse, Member, MemberSource, MemberState,
};

use super::{alone, denied, enrol, holder, names, no_community, somebody};
use crate::support::acts::{remove_member, suspend_member};
use crate::support::address;
use crate::support::people::{Person, account, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{Tree, grant, managed, mssp, role};

fn request(parent: &str) -> ListMembersRequest {
    ListMembersRequest { parent: parent.to_owned(), ..ListMembersRequest::default() }
}

async fn list(caller: &Caller, request: ListMembersRequest) -> Result<ListMembersResponse, Status> {
    Ok(caller.community().list_members(request).await?.into_inner())
}

/// The whole list, page by page.
async fn all(caller: &Caller, request: &ListMembersRequest) -> Vec<Member> {
    let (mut members, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = list(caller, ListMembersRequest { page_token, ..request.clone() }).await;
        let page = page.expect("the page comes");
        let full = page.members.len() == usize::try_from(request.page_size).unwrap();
        assert!(full || page.next_page_token.is_empty(), "only the last page may be short");
        members.extend(page.members);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return members;
        }
    }
}

/// The users of the first page, sorted.
async fn found(admin: &Person, request: ListMembersRequest) -> Vec<String> {
    let answer = list(&admin.caller, request).await.expect("the list comes");
    sorted(answer.members.into_iter().map(|member| member.user))
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort();
    names
}

/// Thirty people with accounts who belong to the community inside the tree: members, those who reach it from above, and both. Several
/// have the same name.
async fn thirty_people(admin: &Person, tree: &Tree) {
    let names = ["bo Dahl", "Ana Lima", "Chi Okafor", "ana Lima", "Bo Dahl", "Mira"];
    let accounts = (0..30).map(|number| async move {
        let email = address(["ana", "Bo", "chi", "Dan"][number % 4]);
        account(&email, names[number % names.len()]).await
    });
    for (number, user) in join_all(accounts).await.into_iter().enumerate() {
        let (here, above) = (grant(&tree.inside[0], &["guest"]), grant(&tree.root, &["guest"]));
        let grants = [vec![here.clone()], vec![above.clone()], vec![here, above]];
        enrol(admin, &tree.root, &user, grants[number % 3].clone()).await;
    }
}

/// What the list must be ordered by, as far as it can be seen: who is no member has no time at which he came.
fn key(member: &Member, field: &str) -> Option<String> {
    match field {
        "email" => Some(member.email.to_lowercase()),
        "create_time" => member.create_time.map(|time| format!("{:020}.{:09}", time.seconds, time.nanos)),
        _ => Some(member.display_name.to_lowercase()),
    }
}

#[tokio::test]
async fn pages_leave_nobody_out_and_bring_nobody_twice_in_every_order() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    thirty_people(&admin, &tree).await;
    // None of these belongs to the place.
    enrol(&admin, &tree.root, &somebody(), vec![alone(&tree.root, &["guest"])]).await;
    enrol(&admin, &tree.root, &somebody(), vec![grant(&tree.inside[1], &["guest"])]).await;
    for field in ["", "display_name", "email", "create_time"] {
        for page_size in [1, 3] {
            let forth =
                ListMembersRequest { page_size, order_by: field.to_owned(), ..request(&tree.inside[0]) };
            let members = all(&admin.caller, &forth).await;
            let users: BTreeSet<&str> = members.iter().map(|member| member.user.as_str()).collect();
            // The administrator reaches it from above.
            assert_eq!((members.len(), users.len()), (31, 31), "{field}");
            let keys: Vec<String> = members.iter().filter_map(|member| key(member, field)).collect();
            assert!(keys.is_sorted(), "{field}: {keys:?}");
            if !field.is_empty() {
                let back = ListMembersRequest { order_by: format!("{field} desc"), ..forth };
                let reversed = all(&admin.caller, &back).await;
                let order = members.iter().map(|member| &member.user);
                assert!(reversed.iter().rev().map(|member| &member.user).eq(order), "{field}");
            }
        }
    }
}

#[tokio::test]
async fn who_is_a_member_and_inherits_shows_once_as_a_member() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let (here, above, both) = (somebody(), somebody(), somebody());
    enrol(&admin, root, &here, vec![grant(inside, &["guest"])]).await;
    enrol(&admin, root, &above, vec![grant(root, &["guest"])]).await;
    enrol(&admin, root, &both, vec![grant(root, &["guest"]), grant(inside, &["analyst"])]).await;
    let members = list(&admin.caller, request(inside)).await.unwrap().members;
    assert_eq!(members.len(), 4);
    let shown = |user: &str| members.iter().find(|member| member.user == user).unwrap();
    let (given, inherited) = (format!("{inside}/roles/analyst"), format!("{root}/roles/guest"));
    assert_eq!(shown(&both).source(), MemberSource::Direct);
    assert_eq!(
        (names(&shown(&both).roles), names(&shown(&both).inherited_roles)),
        (vec![&*given], vec![&*inherited])
    );
    assert_eq!(shown(&both).inherited_roles[0].inherited_from, *root);
    assert_eq!((shown(&here).source(), shown(&here).inherited_roles.len()), (MemberSource::Direct, 0));
    assert_eq!((shown(&above).source(), shown(&above).roles.len()), (MemberSource::Inherited, 0));
    assert_eq!(names(&shown(&above).inherited_roles), [inherited]);
    assert!(members.iter().all(|member| member.permissions.is_empty()));

    remove_member(&admin, inside, &both).await;
    let inherited = ListMembersRequest { source: MemberSource::Inherited.into(), ..request(inside) };
    assert_eq!(found(&admin, inherited).await, sorted([admin.name.clone(), above.clone(), both.clone()]));
    remove_member(&admin, root, &both).await;
    assert_eq!(found(&admin, request(inside)).await, sorted([admin.name.clone(), above, here]));
}

#[tokio::test]
async fn filters_by_state_and_source() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let (here, stopped, above, stopped_above) = (somebody(), somebody(), somebody(), somebody());
    for user in [&here, &stopped] {
        enrol(&admin, root, user, vec![grant(inside, &["guest"])]).await;
    }
    for user in [&above, &stopped_above] {
        enrol(&admin, root, user, vec![grant(root, &["guest"])]).await;
    }
    suspend_member(&admin, inside, &stopped).await;
    suspend_member(&admin, root, &stopped_above).await;
    let asked = |states: &[MemberState], source: MemberSource| ListMembersRequest {
        states: states.iter().map(|state| (*state).into()).collect(),
        source: source.into(),
        ..request(inside)
    };
    let (active, suspended) = (MemberState::Active, MemberState::Suspended);
    let cases = [
        (asked(&[active], MemberSource::Unspecified), vec![&admin.name, &here, &above]),
        (asked(&[suspended], MemberSource::Unspecified), vec![&stopped, &stopped_above]),
        (asked(&[], MemberSource::Direct), vec![&here, &stopped]),
        (asked(&[], MemberSource::Inherited), vec![&admin.name, &above, &stopped_above]),
        (asked(&[suspended], MemberSource::Direct), vec![&stopped]),
        (asked(&[active, suspended], MemberSource::Inherited), vec![&admin.name, &above, &stopped_above]),
    ];
    for (asked, expected) in cases {
        let expected = sorted(expected.into_iter().cloned());
        assert_eq!(found(&admin, asked.clone()).await, expected, "{asked:?}");
    }
    // At the top everybody is a member.
    let inherited = ListMembersRequest { source: MemberSource::Inherited.into(), ..request(root) };
    assert!(found(&admin, inherited).await.is_empty());
}

#[tokio::test]
async fn filters_by_role_given_or_inherited() {
    let admin = admin().await;
    let (tree, other) = (mssp(&admin, 2).await, managed(&admin).await);
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let custom = role(&admin, root, &["communities.get"]).await;
    let (here, above, both, outer) = (somebody(), somebody(), somebody(), somebody());
    enrol(&admin, root, &here, vec![grant(inside, &["guest", &custom])]).await;
    enrol(&admin, root, &above, vec![grant(root, &["guest"])]).await;
    enrol(&admin, root, &both, vec![grant(root, &[&custom]), grant(inside, &["analyst"])]).await;
    enrol(&admin, root, &outer, vec![alone(root, &["guest"]), grant(inside, &["analyst"])]).await;
    let of = |role: &str| ListMembersRequest { role: role.to_owned(), ..request(inside) };
    let cases = [
        (of("guest"), vec![&here, &above]),
        (of(&format!("{inside}/roles/guest")), vec![&here, &above]),
        (of(&format!("{root}/roles/guest")), vec![&here, &above]),
        (of(&custom), vec![&here, &both]),
        (of("analyst"), vec![&both, &outer]),
        (of("admin"), vec![&admin.name]),
        (of("manage_members"), vec![]),
        (ListMembersRequest { source: MemberSource::Direct.into(), ..of("guest") }, vec![&here]),
        (ListMembersRequest { source: MemberSource::Inherited.into(), ..of("guest") }, vec![&above]),
    ];
    for (asked, expected) in cases {
        let expected = sorted(expected.into_iter().cloned());
        assert_eq!(found(&admin, asked.clone()).await, expected, "{asked:?}");
    }
    // The role of another community is no role here, whoever has it there.
    let beside = role(&admin, &tree.inside[1], &["communities.get"]).await;
    enrol(&admin, root, &here, vec![grant(&tree.inside[1], &[&beside])]).await;
    for foreign in [beside, format!("{other}/roles/guest"), format!("{}/roles/guest", tree.inside[1])] {
        assert!(found(&admin, of(&foreign)).await.is_empty(), "{foreign}");
    }
}

#[tokio::test]
async fn finds_members_whom_a_deleted_role_left_without_one() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let gone = role(&admin, inside, &["communities.get"]).await;
    let (bare, kept, above) = (somebody(), somebody(), somebody());
    enrol(&admin, root, &bare, vec![grant(root, &["guest"]), grant(inside, &[&gone])]).await;
    enrol(&admin, root, &kept, vec![grant(inside, &[&gone, "guest"])]).await;
    enrol(&admin, root, &above, vec![grant(root, &["guest"])]).await;
    let without = ListMembersRequest { without_roles: true, ..request(inside) };
    assert!(found(&admin, without.clone()).await.is_empty());
    let force = DeleteRoleRequest { name: gone, force: true, ..DeleteRoleRequest::default() };
    admin.caller.community().delete_role(force).await.unwrap();
    assert_eq!(found(&admin, without).await, [bare.clone()]);
    let all = sorted([admin.name.clone(), bare, kept, above]);
    assert_eq!(found(&admin, request(inside)).await, all);
}

#[tokio::test]
async fn searches_names_and_addresses_in_any_case_and_takes_every_character_as_it_is() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let inside = &tree.inside[0];
    let mut people = Vec::new();
    for (full_name, local) in [
        ("Zoë ÉLAN", "first"),
        ("Half 50% Off", "under_score"),
        ("A_B \\ C", "Per%cent"),
        ("AXB", "underXscore"),
    ] {
        people.push(account(&address(local), full_name).await);
    }
    let places = [inside, &tree.root, inside, &tree.root];
    for (user, place) in people.iter().zip(places) {
        enrol(&admin, &tree.root, user, vec![grant(place, &["guest"])]).await;
    }
    let cases: [(&str, &[usize]); 12] = [
        ("zoË é", &[0]),
        ("E\u{301}lan", &[0]),
        ("FIRST.", &[0]),
        ("50%", &[1]),
        ("%", &[1, 2]),
        ("_", &[1, 2]),
        ("r_s", &[1]),
        ("a_b", &[2]),
        ("\\", &[2]),
        ("RXS", &[3]),
        ("@GUEST.test", &[0, 1, 2, 3]),
        ("nobody is called that", &[]),
    ];
    for (search, expected) in cases {
        let asked = ListMembersRequest { search: search.to_owned(), ..request(inside) };
        let expected = sorted(expected.iter().map(|person| people[*person].clone()));
        assert_eq!(found(&admin, asked).await, expected, "{search}");
    }
    let both = ListMembersRequest {
        search: "@guest.test".to_owned(),
        source: MemberSource::Direct.into(),
        page_size: 1,
        ..request(inside)
    };
    let users = all(&admin.caller, &both).await.into_iter().map(|member| member.user);
    assert_eq!(sorted(users), sorted([people[0].clone(), people[2].clone()]));
}

#[tokio::test]
async fn a_page_token_serves_its_own_list_and_caller_only() {
    let admin = admin().await;
    let (place, other) = (managed(&admin).await, managed(&admin).await);
    let reader = holder(&admin, &place, vec![grant(&place, &["guest"])]).await;
    for place in [&place, &other] {
        enrol(&admin, place, &somebody(), vec![grant(place, &["guest"])]).await;
    }
    let first = ListMembersRequest { page_size: 1, ..request(&place) };
    let page_token = list(&admin.caller, first.clone()).await.unwrap().next_page_token;
    let next = ListMembersRequest { page_token: page_token.clone(), page_size: 5, ..first };
    assert_eq!(list(&admin.caller, next.clone()).await.unwrap().members.len(), 2);
    let refuse = |answer| refused(answer, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    refuse(list(&reader.caller, next.clone()).await);
    let others = [
        ListMembersRequest { parent: other, ..next.clone() },
        ListMembersRequest { search: "a".to_owned(), ..next.clone() },
        ListMembersRequest { states: vec![MemberState::Active.into()], ..next.clone() },
        ListMembersRequest { role: "guest".to_owned(), ..next.clone() },
        ListMembersRequest { source: MemberSource::Direct.into(), ..next.clone() },
        ListMembersRequest { without_roles: true, ..next.clone() },
        ListMembersRequest { order_by: "email".to_owned(), ..next.clone() },
        ListMembersRequest { order_by: "display_name desc".to_owned(), ..next.clone() },
        ListMembersRequest { page_token: format!("{page_token}A"), ..next },
    ];
    for other in others {
        refuse(list(&admin.caller, other).await);
    }
}

#[tokio::test]
async fn refuses_whoever_may_not_list_there() {
    let admin = admin().await;
    let (tree, unrelated, nowhere) = (mssp(&admin, 2).await, managed(&admin).await, no_community());
    let place = &tree.inside[0];
    let blind = role(&admin, place, &["communities.get"]).await;
    let blind = holder(&admin, &tree.root, vec![grant(place, &[&blind])]).await;
    let sibling = holder(&admin, &tree.root, vec![grant(&tree.inside[1], &["admin"])]).await;
    let outer = holder(&admin, &tree.root, vec![alone(&tree.root, &["admin"])]).await;
    let stranger = Person::new("stranger").await;
    for outsider in [&blind, &sibling, &outer, &stranger] {
        denied(list(&outsider.caller, request(place)).await, "members.list", place);
        // Authority comes before the rest.
        let bad = ListMembersRequest { page_size: -1, ..request(place) };
        denied(list(&outsider.caller, bad).await, "members.list", place);
    }
    let inner = holder(&admin, &tree.root, vec![grant(place, &["guest"])]).await;
    list(&inner.caller, request(place)).await.unwrap();
    for hidden in [&tree.root, &unrelated, &nowhere] {
        denied(list(&inner.caller, request(hidden)).await, "members.list", hidden);
    }
}

#[tokio::test]
async fn services_list_all_and_learn_that_there_is_no_community() {
    let admin = admin().await;
    let (place, nowhere) = (managed(&admin).await, no_community());
    let service = Caller::nobody().service("alerts");
    let members = list(&service, request(&place)).await.unwrap().members;
    assert_eq!((members.len(), &members[0].user), (1, &admin.name));
    let metadata = refused(list(&service, request(&nowhere)).await, Code::NotFound, "COMMUNITY_NOT_FOUND");
    assert_eq!(metadata["community"], nowhere);
    let answer = list(&Caller::nobody(), request(&place)).await;
    refused(answer, Code::Unauthenticated, "TOKEN_MISSING");
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let bad = ListMembersRequest {
        parent: "northwind".to_owned(),
        page_size: -1,
        search: "x".repeat(101),
        states: vec![MemberState::Active.into(), 0, 77],
        role: "superuser".to_owned(),
        source: 77,
        order_by: "state".to_owned(),
        ..ListMembersRequest::default()
    };
    let fields = ["parent", "page_size", "search", "states[1]", "states[2]", "role", "source", "order_by"];
    refused_fields(list(&admin.caller, bad).await, &fields);
    let place = managed(&admin).await;
    for order_by in ["display_name asc", " desc", "email desc desc"] {
        let bad = ListMembersRequest { order_by: order_by.to_owned(), ..request(&place) };
        refused_fields(list(&admin.caller, bad).await, &["order_by"]);
    }
    let bad = ListMembersRequest { search: "mi\0ra".to_owned(), ..request(&place) };
    refused_fields(list(&admin.caller, bad).await, &["search"]);
}
