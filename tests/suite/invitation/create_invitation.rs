mod looking;
mod words;

use prost_types::Duration;
use sandbox::Caller;
use tonic::Code;
use usher_api::community::{CommunitySettings, EmailDomains, Grant, Inheritance};
use usher_api::invitation::{CreateInvitationRequest, DeliveryState, Invitation, InvitationState};

use crate::support::acts::set_community;
use crate::support::address;
use crate::support::mail::the_mail;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, invite, managed, member, mssp, offer, role};

#[tokio::test]
async fn invites_into_a_managed_community_and_mails_the_guest() {
    let admin = admin().await;
    let (community, email) = (managed(&admin).await, address("Guest"));
    let mut request = offer(&community, &email, vec![grant(&community, &["guest"])]);
    request.notify = None;
    let answer = admin.caller.invitation().create_invitation(request).await.unwrap().into_inner();
    let invitation = answer.invitation.unwrap();
    assert_eq!(invitation.state(), InvitationState::Pending);
    assert_eq!(invitation.delivery_state(), DeliveryState::Queued);
    assert_eq!(
        (invitation.email.as_str(), invitation.inviter.as_str()),
        (email.as_str(), admin.name.as_str())
    );
    assert_eq!(invitation.grants[0].roles, [format!("{community}/roles/guest")]);
    assert!(the_mail(&email).await.text.contains("Join your new community"));
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let request = CreateInvitationRequest {
        parent: "northwind".to_owned(),
        invitation: Some(Invitation {
            email: "nobody".to_owned(),
            display_name: "a\u{7}b".to_owned(),
            message: "a\u{202e}b".to_owned(),
            locale: "german language".to_owned(),
            annotations: [("Ticket".to_owned(), "1".to_owned())].into(),
            grants: vec![Grant { community: "alpine".to_owned(), inheritance: 99, ..Grant::default() }],
            ..Invitation::default()
        }),
        ttl: Some(Duration { seconds: 1 << 40, nanos: 0 }),
        notify: None,
        request_id: "42".to_owned(),
        validate_only: false,
    };
    let fields = [
        "parent",
        "invitation.email",
        "invitation.display_name",
        "invitation.message",
        "invitation.locale",
        "invitation.annotations",
        "invitation.grants[0].community",
        "invitation.grants[0].roles",
        "invitation.grants[0].inheritance",
        "ttl",
        "request_id",
    ];
    refused_fields(admin.caller.invitation().create_invitation(request).await, &fields);
    let empty = admin.caller.invitation().create_invitation(CreateInvitationRequest::default()).await;
    refused_fields(empty, &["parent", "invitation.email", "invitation.grants"]);
}

#[tokio::test]
async fn takes_one_address_only() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let request = offer(&community, "a@guest.test, b@guest.test", vec![grant(&community, &["guest"])]);
    refused_fields(admin.caller.invitation().create_invitation(request).await, &["invitation.email"]);
}

#[tokio::test]
async fn refuses_whoever_may_not_invite() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let request = || offer(&community, &address("guest"), vec![grant(&community, &["guest"])]);
    let analyst = member(&admin, &community, &community, &["analyst"]).await;
    let stranger = Person::new("stranger").await;
    for person in [analyst, stranger] {
        let answer = person.caller.invitation().create_invitation(request()).await;
        let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!(
            (metadata["permission"].as_str(), metadata["resource"].as_str()),
            ("invitations.create", &*community)
        );
    }
    let nobody = Caller::nobody().invitation().create_invitation(request()).await;
    refused(nobody, Code::Unauthenticated, "TOKEN_MISSING");
    let service = admin.caller.service("alerts").invitation().create_invitation(request()).await;
    refused(service, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}

#[tokio::test]
async fn a_manager_gives_nothing_beyond_his_own_authority() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let manager = member(&admin, &community, &community, &["manage_members"]).await;
    invite(&manager, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;

    let request = offer(&community, &address("guest"), vec![grant(&community, &["admin"])]);
    let answer = manager.caller.invitation().create_invitation(request).await;
    let metadata = refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert_eq!(metadata["role"], format!("{community}/roles/admin"));
    assert!(metadata["permissions"].contains("roles.assign"));
}

#[tokio::test]
async fn authority_in_the_main_community_alone_gives_nothing_inside_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let outer = Person::new("outer").await;
    let alone = Grant { inheritance: Inheritance::Self_.into(), ..grant(&tree.root, &["admin"]) };
    crate::support::tree::join(&admin, &tree.root, &outer, vec![alone]).await;

    let reaching = offer(&tree.root, &address("guest"), vec![grant(&tree.root, &["guest"])]);
    let answer = outer.caller.invitation().create_invitation(reaching).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    let inside = offer(&tree.root, &address("guest"), vec![grant(&tree.inside[0], &["guest"])]);
    refused(
        outer.caller.invitation().create_invitation(inside).await,
        Code::PermissionDenied,
        "PERMISSION_DENIED",
    );
    let alone = Grant { inheritance: Inheritance::Self_.into(), ..grant(&tree.root, &["guest"]) };
    invite(&outer, &tree.root, &address("guest"), vec![alone]).await;
}

#[tokio::test]
async fn every_community_must_be_in_the_tree() {
    let admin = admin().await;
    let (tree, other) = (mssp(&admin, 1).await, mssp(&admin, 1).await);
    let crossed =
        [(&tree.root, &other.root), (&tree.root, &other.inside[0]), (&tree.inside[0], &tree.inside[0])];
    for (parent, community) in crossed {
        let request = offer(parent, &address("guest"), vec![grant(community, &["guest"])]);
        let answer = admin.caller.invitation().create_invitation(request).await;
        let metadata = refused(answer, Code::InvalidArgument, "COMMUNITY_OUTSIDE_TREE");
        assert_eq!((&metadata["community"], &metadata["root"]), (community, parent));
    }
}

#[tokio::test]
async fn roles_must_exist_where_they_are_given() {
    let admin = admin().await;
    let (tree, other) = (mssp(&admin, 2).await, managed(&admin).await);
    let foreign = role(&admin, &other, &["communities.get"]).await;
    let sibling = role(&admin, &tree.inside[1], &["communities.get"]).await;
    for role in [foreign.as_str(), sibling.as_str(), "superuser", &format!("{}/roles/nothing", tree.root)] {
        let request = offer(&tree.root, &address("guest"), vec![grant(&tree.inside[0], &[role])]);
        let answer = admin.caller.invitation().create_invitation(request).await;
        assert_eq!(refused(answer, Code::InvalidArgument, "UNKNOWN_ROLE")["role"], role);
    }
}

#[tokio::test]
async fn addresses_are_compared_in_their_canonical_form_and_no_dot_or_plus_is_folded() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let typed = address("zoë").replace("guest.test", "bücher.test");
    let made = invite(&admin, &community, &typed, vec![grant(&community, &["guest"])]).await;
    assert_eq!(made.email, typed, "it is kept as it was typed");
    for spelling in [
        typed.to_uppercase(),
        typed.replace("zoë", "zoe\u{308}"),
        typed.replace("bücher.test", "xn--bcher-kva.test"),
    ] {
        let request = offer(&community, &spelling, vec![grant(&community, &["guest"])]);
        let answer = admin.caller.invitation().create_invitation(request).await;
        refused(answer, Code::AlreadyExists, "INVITATION_ALREADY_PENDING");
    }
    for another in [typed.replace("zoë", "zo.ë"), typed.replace("zoë", "zoë+x")] {
        invite(&admin, &community, &another, vec![grant(&community, &["guest"])]).await;
    }
}

#[tokio::test]
async fn an_invitation_does_not_tell_whether_the_address_has_an_account() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let known = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await;
    let unknown = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    let same = Invitation {
        name: known.name.clone(),
        uid: known.uid.clone(),
        email: known.email.clone(),
        etag: known.etag.clone(),
        create_time: known.create_time,
        update_time: known.update_time,
        expire_time: known.expire_time,
        purge_time: known.purge_time,
        ..unknown
    };
    assert_eq!(known, same);
}

#[tokio::test]
async fn one_live_invitation_for_each_community_and_address() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let email = address("Guest");
    let first = invite(&admin, &tree.root, &email, vec![grant(&tree.inside[0], &["guest"])]).await;
    let both = vec![grant(&tree.inside[1], &["guest"]), grant(&tree.inside[0], &["analyst"])];
    let again = offer(&tree.root, &email.to_uppercase(), both);
    let answer = admin.caller.invitation().create_invitation(again).await;
    let metadata = refused(answer, Code::AlreadyExists, "INVITATION_ALREADY_PENDING");
    assert_eq!((&metadata["invitation"], &metadata["community"]), (&first.name, &tree.inside[0]));
    invite(&admin, &tree.root, &email, vec![grant(&tree.inside[1], &["guest"])]).await;
}

#[tokio::test]
async fn an_expired_invitation_is_not_in_the_way() {
    let admin = admin().await;
    let (community, email) = (managed(&admin).await, address("guest"));
    let mut short = offer(&community, &email, vec![grant(&community, &["guest"])]);
    short.ttl = Some(Duration { seconds: 1, nanos: 0 });
    admin.caller.invitation().create_invitation(short).await.unwrap();
    sandbox::until("the first invitation is no longer in the way", || async {
        let again = offer(&community, &email, vec![grant(&community, &["guest"])]);
        admin.caller.invitation().create_invitation(again).await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let request = offer(&community, &address("guest"), vec![grant(&community, &["guest"])]);
    let mut clients = (admin.caller.invitation(), admin.caller.at_replica(1).invitation());
    let (one, other) = tokio::join!(
        clients.0.create_invitation(request.clone()),
        clients.1.create_invitation(request.clone())
    );
    let third = admin.caller.invitation().create_invitation(request.clone()).await.unwrap().into_inner();
    assert_eq!(one.unwrap().into_inner(), third);
    assert_eq!(other.unwrap().into_inner(), third);

    let mut changed = request;
    changed.invitation.as_mut().unwrap().display_name = "Somebody else".to_owned();
    let answer = admin.caller.invitation().create_invitation(changed).await;
    refused(answer, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn of_many_at_once_for_one_person_one_wins() {
    let admin = admin().await;
    let (community, email) = (managed(&admin).await, address("guest"));
    let calls = (0..16).map(|_| {
        let mut client = admin.caller.invitation();
        let request = offer(&community, &email, vec![grant(&community, &["guest"])]);
        async move { client.create_invitation(request).await }
    });
    let answers = futures::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for answer in answers.into_iter().filter(Result::is_err) {
        refused(answer, Code::AlreadyExists, "INVITATION_ALREADY_PENDING");
    }
}

#[tokio::test]
async fn lives_no_longer_than_the_strictest_of_its_communities_lets_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let life = |seconds| CommunitySettings {
        max_invitation_life: Some(Duration { seconds, nanos: 0 }),
        ..CommunitySettings::default()
    };
    set_community(&admin, &tree.root, life(7_200)).await;
    set_community(&admin, &tree.inside[1], life(3_600)).await;
    let ask = |places: &[String], ttl: Option<i64>| {
        let grants = places.iter().map(|place| grant(place, &["guest"])).collect();
        let mut request = offer(&tree.root, &address("guest"), grants);
        request.ttl = ttl.map(|seconds| Duration { seconds, nanos: 0 });
        async { admin.caller.invitation().create_invitation(request).await }
    };
    let lived = |invitation: Invitation| {
        invitation.expire_time.unwrap().seconds - invitation.create_time.unwrap().seconds
    };
    for (places, most) in [(&tree.inside[..1], 7_200), (&tree.inside[..], 3_600)] {
        refused_fields(ask(places, Some(most + 1)).await, &["ttl"]);
        for ttl in [None, Some(most)] {
            let invitation = ask(places, ttl).await.unwrap().into_inner().invitation.unwrap();
            assert_eq!(lived(invitation), most);
        }
    }
}

#[tokio::test]
async fn takes_no_address_of_a_domain_that_a_community_does_not_allow() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let only = |domains: &[&str]| {
        let domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
        CommunitySettings {
            allowed_email_domains: Some(EmailDomains { domains }),
            ..CommunitySettings::default()
        }
    };
    set_community(&admin, &tree.root, only(&["guest.test", "a.example"])).await;
    set_community(&admin, &tree.inside[0], only(&["guest.test", "b.example"])).await;
    let ask = |domain: &str, place: &str| {
        let email = address("guest").replace("guest.test", domain);
        let request = offer(&tree.root, &email, vec![grant(place, &["guest"])]);
        async { admin.caller.invitation().create_invitation(request).await }
    };
    for domain in ["a.example", "b.example", "sub.guest.test"] {
        let answer = ask(domain, &tree.inside[0]).await;
        let metadata = refused(answer, Code::InvalidArgument, "EMAIL_DOMAIN_NOT_ALLOWED");
        assert_eq!((&*metadata["domain"], &metadata["communities"]), (domain, &tree.inside[0]));
    }
    ask("Guest.TEST", &tree.inside[0]).await.unwrap();
    ask("a.example", &tree.root).await.unwrap();
}

#[tokio::test]
async fn whoever_sees_the_members_learns_that_somebody_has_all_of_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let there = member(&admin, root, one, &["guest", "analyst"]).await;
    let above = member(&admin, root, root, &["guest"]).await;
    let ask = |inviter: &Person, email: &str, grants: Vec<Grant>| {
        let (inviter, request) = (inviter.clone(), offer(root, email, grants));
        async move { inviter.caller.invitation().create_invitation(request).await }
    };
    for (person, grants) in [
        (&there, vec![grant(one, &["analyst"])]),
        (&above, vec![grant(one, &["guest"]), grant(two, &["guest"])]),
    ] {
        let answer = ask(&admin, &person.email.to_uppercase(), grants.clone()).await;
        let metadata = refused(answer, Code::AlreadyExists, "ALREADY_MEMBER");
        assert_eq!(&metadata["community"], one);
    }
    // Something is left to give.
    ask(&admin, &there.email, vec![grant(one, &["guest"]), grant(two, &["guest"])]).await.unwrap();
    ask(&admin, &above.email, vec![grant(two, &["analyst"])]).await.unwrap();

    // Who may invite and not see who is there learns nothing from it.
    let blind = role(&admin, root, &["invitations.create", "communities.get", "roles.assign"]).await;
    let blind = member(&admin, root, root, &[&blind]).await;
    let gated = role(&admin, one, &["communities.get"]).await;
    let guest = member(&admin, root, one, &[&gated]).await;
    ask(&blind, &guest.email, vec![grant(one, &[&gated])]).await.unwrap();
}
