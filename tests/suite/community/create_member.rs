use futures::future::join_all;
use tonic::{Code, Status};
use usher_api::community::{
    CommunitySettings, CreateMemberRequest, DirectAddition, EmailDomains, Inheritance, Member, MemberSource,
    MemberState, SuspendReason,
};

use super::{
    add, alone, ask_of_members, denied, enrol, given, holder, may, names, no_community, outsiders, seen,
    somebody, told,
};
use crate::support::acts::{member_name, remove_member, suspend_community, suspend_member};
use crate::support::people::{Person, account, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::rows::unprove_mailbox;
use crate::support::tree::{grant, managed, mssp, role};
use crate::support::{address, request_id};

fn request(parent: &str, user: &str, roles: &[&str]) -> CreateMemberRequest {
    let member = Member { user: user.to_owned(), roles: given(roles), ..Member::default() };
    CreateMemberRequest { parent: parent.to_owned(), member: Some(member), request_id: request_id() }
}

async fn create(actor: &Person, request: CreateMemberRequest) -> Result<Member, Status> {
    let answer = actor.caller.community().create_member(request).await?;
    Ok(answer.into_inner().member.expect("it comes"))
}

/// An account that nobody used yet.
async fn newcomer() -> String {
    account(&address("newcomer"), "Noor Haddad").await
}

#[tokio::test]
async fn makes_the_holder_of_an_account_a_member() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manager = holder(&admin, &place, vec![grant(&place, &["manage_member"])]).await;
    let email = address("Noor");
    let user = account(&email, "Noor Haddad").await;
    let made = create(&manager, request(&place, &user, &["manage_members", "guest"])).await.unwrap();

    assert_eq!((&made.name, &made.user), (&member_name(&place, &user), &user));
    assert_eq!((&*made.display_name, &made.email), ("Noor Haddad", &email));
    assert_eq!((made.state(), made.source()), (MemberState::Active, MemberSource::Direct));
    assert_eq!(made.suspend_reason(), SuspendReason::Unspecified);
    assert_eq!(names(&made.roles), [format!("{place}/roles/guest"), format!("{place}/roles/manage_member")]);
    assert!(made.inherited_roles.is_empty() && made.permissions.is_empty() && !made.etag.is_empty());
    assert!(made.create_time.is_some() && made.create_time == made.update_time);
    for role in &made.roles {
        assert_eq!((&role.granted_by, role.inheritance()), (&manager.name, Inheritance::Self_));
        assert_eq!((&*role.inherited_from, &*role.invitation, role.grant_time), ("", "", made.create_time));
    }
    assert!(may(&user, &place, "members.delete").await);
    assert_eq!(seen(&place, &user).await.unwrap().etag, made.etag);
    assert_eq!(told(&place, &user).await, [("member.created".to_owned(), 1)]);
}

#[tokio::test]
async fn in_an_mssp_the_roles_reach_inside_unless_it_is_said_otherwise() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let reaching = [
        (Inheritance::Unspecified, Inheritance::SelfAndDescendants),
        (Inheritance::SelfAndDescendants, Inheritance::SelfAndDescendants),
        (Inheritance::Self_, Inheritance::Self_),
    ];
    for (asked, expected) in reaching {
        let user = newcomer().await;
        let mut request = request(root, &user, &["guest"]);
        request.member.as_mut().unwrap().roles[0].set_inheritance(asked);
        let made = create(&admin, request).await.unwrap();
        assert_eq!(made.roles[0].inheritance(), expected);
        let everywhere = expected == Inheritance::SelfAndDescendants;
        assert_eq!(may(&user, inside, "communities.get").await, everywhere);
    }
    let mut beyond = request(inside, &newcomer().await, &["guest"]);
    beyond.member.as_mut().unwrap().roles[0].set_inheritance(Inheritance::SelfAndDescendants);
    refused_fields(create(&admin, beyond).await, &["member.roles[0].inheritance"]);
}

#[tokio::test]
async fn roles_of_the_community_and_of_the_one_above_can_be_given() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let inside = &tree.inside[0];
    let above = role(&admin, &tree.root, &["communities.get"]).await;
    let here = role(&admin, inside, &["members.list"]).await;
    let beside = role(&admin, &tree.inside[1], &["communities.get"]).await;
    let user = newcomer().await;
    for unknown in [beside.as_str(), "superuser", &format!("{}/roles/guest", tree.inside[1])] {
        let answer = create(&admin, request(inside, &user, &["guest", unknown])).await;
        let metadata = refused(answer, Code::InvalidArgument, "UNKNOWN_ROLE");
        assert_eq!((&metadata["community"], &*metadata["role"]), (inside, unknown));
    }
    assert!(seen(inside, &user).await.is_none());
    let made = create(&admin, request(inside, &user, &[&above, &here])).await.unwrap();
    let mut expected = [above.as_str(), here.as_str()];
    expected.sort_unstable();
    assert_eq!(names(&made.roles), expected);
    assert!(may(&user, inside, "communities.get").await && !may(&user, &tree.root, "communities.get").await);
}

#[tokio::test]
async fn it_takes_an_account_with_a_proven_mailbox() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let nobody = somebody();
    let answer = create(&admin, request(&place, &nobody, &["guest"])).await;
    assert_eq!(refused(answer, Code::NotFound, "USER_NOT_FOUND")["user"], nobody);

    let user = newcomer().await;
    unprove_mailbox(&user).await;
    let answer = create(&admin, request(&place, &user, &["guest"])).await;
    assert_eq!(refused(answer, Code::FailedPrecondition, "EMAIL_NOT_VERIFIED")["user"], user);
    assert!(seen(&place, &user).await.is_none());
}

#[tokio::test]
async fn refuses_who_is_a_member_active_or_suspended() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let user = newcomer().await;
    // Who only reaches the community from above is no member there.
    add(&admin, root, &user, &["guest"]).await;
    let both = create(&admin, request(inside, &user, &["guest"])).await.unwrap();
    assert_eq!(both.source(), MemberSource::Direct);
    assert_eq!(names(&both.roles), [format!("{inside}/roles/guest")]);
    assert_eq!(names(&both.inherited_roles), [format!("{root}/roles/guest")]);
    for suspended in [false, true] {
        if suspended {
            suspend_member(&admin, inside, &user).await;
        }
        let before = seen(inside, &user).await;
        let answer = create(&admin, request(inside, &user, &["analyst"])).await;
        let metadata = refused(answer, Code::AlreadyExists, "ALREADY_MEMBER");
        assert_eq!(metadata["member"], member_name(inside, &user));
        assert_eq!(seen(inside, &user).await, before);
    }
}

#[tokio::test]
async fn who_was_removed_comes_back_as_new_and_his_version_goes_on() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = newcomer().await;
    let first = add(&admin, &place, &user, &["guest"]).await;
    suspend_member(&admin, &place, &user).await;
    remove_member(&admin, &place, &user).await;
    let again = create(&admin, request(&place, &user, &["analyst"])).await.unwrap();
    assert_eq!((again.state(), again.suspend_reason()), (MemberState::Active, SuspendReason::Unspecified));
    assert_eq!(names(&again.roles), [format!("{place}/roles/analyst")]);
    assert_ne!((&again.etag, again.create_time), (&first.etag, first.create_time));
    let facts = ["member.created", "member.suspended", "member.deleted", "member.created"];
    let facts: Vec<(String, i64)> = facts.iter().map(|fact| (*fact).to_owned()).zip(1..).collect();
    assert_eq!(told(&place, &user).await, facts);
}

#[tokio::test]
async fn the_settings_say_who_may_be_added_without_being_asked() {
    let admin = admin().await;
    let (tree, elsewhere) = (mssp(&admin, 2).await, managed(&admin).await);
    let (place, beside) = (&tree.inside[0], &tree.inside[1]);
    let set = |direct_addition: DirectAddition| {
        let settings =
            CommunitySettings { direct_addition: direct_addition.into(), ..CommunitySettings::default() };
        ask_of_members(&admin, &tree.root, settings)
    };
    let (of_tree, stopped, stranger) = (newcomer().await, newcomer().await, newcomer().await);
    for user in [&of_tree, &stopped] {
        add(&admin, beside, user, &["guest"]).await;
    }
    suspend_member(&admin, beside, &stopped).await;
    add(&admin, &elsewhere, &stranger, &["guest"]).await;

    set(DirectAddition::Nobody).await;
    for user in [&of_tree, &stopped, &stranger] {
        let answer = create(&admin, request(place, user, &["guest"])).await;
        let metadata = refused(answer, Code::FailedPrecondition, "DIRECT_ADDITION_NOT_ALLOWED");
        assert_eq!(&metadata["community"], place);
    }
    set(DirectAddition::TreeMembers).await;
    for user in [&stopped, &stranger] {
        let answer = create(&admin, request(place, user, &["guest"])).await;
        refused(answer, Code::FailedPrecondition, "DIRECT_ADDITION_NOT_ALLOWED");
    }
    create(&admin, request(place, &of_tree, &["guest"])).await.unwrap();
    set(DirectAddition::Anybody).await;
    create(&admin, request(place, &stranger, &["guest"])).await.unwrap();
}

#[tokio::test]
async fn the_settings_say_which_addresses_members_may_have() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let place = &tree.inside[0];
    let domains = EmailDomains { domains: vec!["northwind.example".to_owned()] };
    let settings = CommunitySettings { allowed_email_domains: Some(domains), ..CommunitySettings::default() };
    ask_of_members(&admin, &tree.root, settings).await;
    let refusals = [
        (newcomer().await, "guest.test"),
        (
            account(&address("sub").replace("guest.test", "eu.Northwind.example"), "Ana").await,
            "eu.northwind.example",
        ),
    ];
    for (user, domain) in &refusals {
        let answer = create(&admin, request(place, user, &["guest"])).await;
        let metadata = refused(answer, Code::InvalidArgument, "EMAIL_DOMAIN_NOT_ALLOWED");
        assert_eq!((&metadata["community"], &*metadata["domain"]), (place, *domain));
    }
    let good = account(&address("ana").replace("guest.test", "Northwind.Example"), "Ana").await;
    create(&admin, request(place, &good, &["guest"])).await.unwrap();
}

#[tokio::test]
async fn of_many_at_once_no_more_come_than_there_are_seats() {
    let admin = admin().await;
    let (tree, place) = (mssp(&admin, 1).await, managed(&admin).await);
    // One seat of the place at the top is its administrator's; inside the MSSP community nobody sits yet.
    for (community, asked_of, limit, free) in [(&place, &place, 4, 3), (&tree.inside[0], &tree.root, 2, 2)] {
        let settings = CommunitySettings { seat_limit: limit, ..CommunitySettings::default() };
        ask_of_members(&admin, asked_of, settings).await;
        let users = join_all((0..8).map(|_| newcomer())).await;
        let adds = users.iter().map(|user| create(&admin, request(community, user, &["guest"])));
        let (made, full): (Vec<_>, Vec<_>) = join_all(adds).await.into_iter().partition(Result::is_ok);
        assert_eq!(made.len(), free);
        for answer in full {
            let metadata = refused(answer, Code::ResourceExhausted, "SEAT_LIMIT_REACHED");
            assert_eq!((&metadata["community"], &metadata["limit"]), (community, &limit.to_string()));
        }
        // A member who is suspended needs no seat.
        suspend_member(&admin, community, &made[0].as_ref().unwrap().user).await;
        create(&admin, request(community, &newcomer().await, &["guest"])).await.unwrap();
        let answer = create(&admin, request(community, &newcomer().await, &["guest"])).await;
        refused(answer, Code::ResourceExhausted, "SEAT_LIMIT_REACHED");
    }
}

#[tokio::test]
async fn nobody_gives_more_than_he_holds() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let manager = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["manage_member"])]).await;
    let mixed = holder(&admin, &tree.root, vec![grant(&tree.root, &["manage_member"])]).await;
    enrol(&admin, &tree.root, &mixed.name, vec![alone(&tree.root, &["admin"])]).await;
    let user = newcomer().await;
    // What reaches inside must be held inside too.
    for (actor, place) in [(&manager, &tree.inside[0]), (&mixed, &tree.root)] {
        let answer = create(actor, request(place, &user, &["guest", "admin"])).await;
        let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
        assert_eq!((&metadata["community"], &metadata["role"]), (place, &format!("{place}/roles/admin")));
        let beyond: Vec<&str> = metadata["permissions"].split(',').collect();
        assert!(beyond.is_sorted() && beyond.contains(&"roles.assign") && !beyond.contains(&"members.list"));
        assert!(seen(place, &user).await.is_none());
    }
}

#[tokio::test]
async fn refuses_whoever_may_not_add_people_there() {
    let admin = admin().await;
    let (tree, unrelated, nowhere) = (mssp(&admin, 2).await, managed(&admin).await, no_community());
    let place = &tree.inside[0];
    let user = newcomer().await;
    for outsider in outsiders(&admin, &tree).await {
        denied(create(&outsider, request(place, &user, &["guest"])).await, "members.create", place);
        // Authority comes before the rest.
        let bad = CreateMemberRequest { parent: place.clone(), member: None, request_id: "42".to_owned() };
        denied(create(&outsider, bad).await, "members.create", place);
    }
    let inner = holder(&admin, &tree.root, vec![grant(place, &["admin"])]).await;
    for hidden in [&tree.root, &unrelated, &nowhere] {
        denied(create(&inner, request(hidden, &user, &["guest"])).await, "members.create", hidden);
    }
    denied(create(&admin, request(&nowhere, &user, &["guest"])).await, "members.create", &nowhere);
}

#[tokio::test]
async fn nobody_is_added_where_the_community_is_stopped() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let place = &tree.inside[0];
    let (user, [looker, ..]) = (newcomer().await, outsiders(&admin, &tree).await);
    suspend_community(&admin, &tree.root).await;
    let metadata = refused(
        create(&admin, request(place, &user, &["guest"])).await,
        Code::FailedPrecondition,
        "COMMUNITY_NOT_ACTIVE",
    );
    assert_eq!((&metadata["community"], &*metadata["state"]), (place, "SUSPENDED"));
    denied(create(&looker, request(place, &user, &["guest"])).await, "members.create", place);
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mut bad = request(&place, "users/me", &["", "guest"]);
    bad.member.as_mut().unwrap().roles[1].inheritance = 77;
    bad.request_id = "42".to_owned();
    let fields = ["member.user", "member.roles[0].role", "member.roles[1].inheritance", "request_id"];
    refused_fields(create(&admin, bad).await, &fields);
    let empty = create(&admin, CreateMemberRequest::default()).await;
    refused_fields(empty, &["parent", "member.user", "member.roles"]);
    let many = request(&place, &somebody(), &["guest"; 21]);
    refused_fields(create(&admin, many).await, &["member.roles"]);
}

#[tokio::test]
async fn a_repeated_request_makes_one_member() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let user = newcomer().await;
    let request = request(&place, &user, &["guest"]);
    let (one, other) = tokio::join!(create(&admin, request.clone()), create(&admin, request.clone()));
    let made = one.unwrap();
    assert_eq!(other.unwrap(), made);
    // Also when he is none any more.
    remove_member(&admin, &place, &user).await;
    assert_eq!(create(&admin, request.clone()).await.unwrap(), made);
    assert!(seen(&place, &user).await.is_none());

    let mut changed = request.clone();
    changed.member.as_mut().unwrap().roles = given(&["analyst"]);
    let metadata = refused(create(&admin, changed).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(metadata["request_id"], request.request_id);
}
