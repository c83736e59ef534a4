use prost_types::{Duration, FieldMask};
use tonic::{Code, Status};
use usher_api::community::{
    CommunitySettings, CreateMemberRequest, DirectAddition, EmailDomains, Member, PersonalMessages,
    UpdateCommunitySettingsRequest, UpdateCommunitySettingsResponse,
};

use super::{denied, given, holder, no_community, outsiders};
use crate::support::acts::suspend_community;
use crate::support::address;
use crate::support::people::{Person, account, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{grant, hand_over, managed, mssp};

const PERMISSION: &str = "communities.update";
const DAY: i64 = 24 * 60 * 60;

/// A request to change the settings that are set in `changed`, or those of `mask`.
fn request(community: &str, changed: CommunitySettings, mask: &[&str]) -> UpdateCommunitySettingsRequest {
    let paths = mask.iter().map(|path| (*path).to_owned()).collect();
    UpdateCommunitySettingsRequest {
        settings: Some(CommunitySettings { name: format!("{community}/settings"), ..changed }),
        update_mask: Some(FieldMask { paths }),
        request_id: request_id(),
    }
}

async fn update(
    actor: &Person,
    request: UpdateCommunitySettingsRequest,
) -> Result<UpdateCommunitySettingsResponse, Status> {
    Ok(actor.caller.community().update_community_settings(request).await?.into_inner())
}

#[expect(clippy::unnecessary_wraps, reason = "the fields of the message are optional")]
fn domains(list: &[&str]) -> Option<EmailDomains> {
    Some(EmailDomains { domains: list.iter().map(|domain| (*domain).to_owned()).collect() })
}

#[expect(clippy::unnecessary_wraps, reason = "the fields of the message are optional")]
fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

#[tokio::test]
async fn changes_what_is_named_and_nothing_else() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let admin = hand_over(&admin, &place).await;
    let all = CommunitySettings {
        allowed_email_domains: domains(&["Northwind.example", "bücher.example"]),
        seat_limit: 25,
        max_invitation_life: seconds(3_600),
        enforce_two_factor: true,
        session_duration: seconds(15 * 60),
        deactivate_inactive_members: true,
        direct_addition: DirectAddition::TreeMembers.into(),
        personal_messages: PersonalMessages::Allowed.into(),
        ..CommunitySettings::default()
    };
    let first = update(&admin, request(&place, all.clone(), &[])).await.unwrap();
    let settings = first.settings.unwrap();
    let expected = CommunitySettings {
        name: format!("{place}/settings"),
        allowed_email_domains: domains(&["northwind.example", "xn--bcher-kva.example"]),
        etag: "1".to_owned(),
        update_time: settings.update_time,
        ..all
    };
    assert_eq!(settings, expected);

    // What the mask names is changed even to nothing, what it does not name stays.
    let mask = ["allowed_email_domains", "session_duration", "enforce_two_factor"];
    let second = update(&admin, request(&place, CommunitySettings::default(), &mask)).await.unwrap();
    let settings = second.settings.unwrap();
    assert_eq!((settings.allowed_email_domains, settings.session_duration), (None, None));
    assert_eq!((settings.enforce_two_factor, settings.seat_limit, &*settings.etag), (false, 25, "2"));
}

#[tokio::test]
async fn of_two_the_stricter_holds() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let above = CommunitySettings {
        allowed_email_domains: domains(&["a.example", "b.example"]),
        max_invitation_life: seconds(7 * DAY),
        session_duration: seconds(DAY),
        direct_addition: DirectAddition::TreeMembers.into(),
        ..CommunitySettings::default()
    };
    update(&admin, request(&tree.root, above, &[])).await.unwrap();
    let own = CommunitySettings {
        allowed_email_domains: domains(&["b.example", "c.example"]),
        max_invitation_life: seconds(DAY),
        session_duration: seconds(7 * DAY),
        direct_addition: DirectAddition::Anybody.into(),
        ..CommunitySettings::default()
    };
    let answer = update(&admin, request(&tree.inside[0], own, &[])).await.unwrap();
    let effective = answer.effective_settings.unwrap();
    assert_eq!(effective.allowed_email_domains, domains(&["b.example"]));
    assert_eq!((effective.max_invitation_life, effective.session_duration), (seconds(DAY), seconds(DAY)));
    assert_eq!(effective.direct_addition(), DirectAddition::TreeMembers);

    // Two that agree on no domain leave nobody.
    let apart = CommunitySettings { allowed_email_domains: domains(&["c.example"]), ..Default::default() };
    let answer = update(&admin, request(&tree.inside[0], apart, &[])).await.unwrap();
    assert_eq!(answer.effective_settings.unwrap().allowed_email_domains, domains(&[]));
}

#[tokio::test]
async fn refuses_whoever_may_not_change_them() {
    let admin = admin().await;
    let (tree, nowhere) = (mssp(&admin, 2).await, no_community());
    let place = &tree.inside[0];
    let seats = CommunitySettings { seat_limit: 1, ..CommunitySettings::default() };
    for outsider in outsiders(&admin, &tree).await {
        denied(update(&outsider, request(place, seats.clone(), &[])).await, PERMISSION, place);
        // Authority comes before the rest.
        let wrong = CommunitySettings { seat_limit: -1, ..CommunitySettings::default() };
        denied(update(&outsider, request(place, wrong, &[])).await, PERMISSION, place);
    }
    let inner = holder(&admin, &tree.root, vec![grant(place, &["manage_community"])]).await;
    for other in [&tree.root, &tree.inside[1], &nowhere] {
        denied(update(&inner, request(other, seats.clone(), &[])).await, PERMISSION, other);
    }
    update(&inner, request(place, seats.clone(), &[])).await.unwrap();
    suspend_community(&admin, place).await;
    let answer = update(&inner, request(place, seats, &[])).await;
    assert_eq!(&refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE")["community"], place);
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let bad = CommunitySettings {
        allowed_email_domains: domains(&["northwind.example", "not a domain", "a@b.example"]),
        seat_limit: -1,
        max_invitation_life: seconds(3_599),
        session_duration: seconds(30 * DAY + 1),
        direct_addition: 77,
        personal_messages: 77,
        ..CommunitySettings::default()
    };
    let mut wrong = request(&place, bad, &[]);
    wrong.request_id = "42".to_owned();
    let fields = [
        "settings.allowed_email_domains.domains[1]",
        "settings.allowed_email_domains.domains[2]",
        "settings.seat_limit",
        "settings.max_invitation_life",
        "settings.session_duration",
        "settings.direct_addition",
        "settings.personal_messages",
        "request_id",
    ];
    refused_fields(update(&admin, wrong).await, &fields);
    let none = CommunitySettings { allowed_email_domains: domains(&[]), ..CommunitySettings::default() };
    refused_fields(update(&admin, request(&place, none, &[])).await, &["settings.allowed_email_domains"]);
    let half = Some(Duration { seconds: 3_600, nanos: 500_000_000 });
    let half = CommunitySettings { session_duration: half, ..CommunitySettings::default() };
    refused_fields(update(&admin, request(&place, half, &["etag"])).await, &["update_mask"]);
    refused_fields(update(&admin, UpdateCommunitySettingsRequest::default()).await, &["settings.name"]);
}

#[tokio::test]
async fn a_stale_etag_is_refused() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let seats = |seat_limit, etag: &str| {
        let settings =
            CommunitySettings { seat_limit, etag: etag.to_owned(), ..CommunitySettings::default() };
        request(&place, settings, &[])
    };
    update(&admin, seats(1, "0")).await.unwrap();
    let metadata = refused(update(&admin, seats(2, "0")).await, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(metadata["resource"], format!("{place}/settings"));
    assert_eq!(update(&admin, seats(3, "1")).await.unwrap().settings.unwrap().seat_limit, 3);
}

#[tokio::test]
async fn a_repeated_request_changes_nothing_more() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let seats = |seat_limit| CommunitySettings { seat_limit, ..CommunitySettings::default() };
    let first = request(&place, seats(1), &[]);
    let made = update(&admin, first.clone()).await.unwrap();
    let second = update(&admin, request(&place, seats(2), &[])).await.unwrap();
    assert_eq!(update(&admin, first.clone()).await.unwrap(), made);
    let third = update(&admin, request(&place, seats(3), &["direct_addition"])).await.unwrap();
    assert_eq!(third.settings.unwrap().seat_limit, second.settings.unwrap().seat_limit);
    let reused =
        UpdateCommunitySettingsRequest { request_id: first.request_id, ..request(&place, seats(4), &[]) };
    refused(update(&admin, reused).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

/// All that can be set.
const ALL: [&str; 8] = [
    "allowed_email_domains",
    "seat_limit",
    "max_invitation_life",
    "enforce_two_factor",
    "session_duration",
    "deactivate_inactive_members",
    "direct_addition",
    "personal_messages",
];

/// Two ways to set each setting, and what holds where both are asked.
fn strictest() -> Vec<[CommunitySettings; 3]> {
    let none = CommunitySettings::default;
    let only = |list: &[&str]| CommunitySettings { allowed_email_domains: domains(list), ..none() };
    let seats = |seat_limit| CommunitySettings { seat_limit, ..none() };
    let life = |time| CommunitySettings { max_invitation_life: seconds(time), ..none() };
    let session = |time| CommunitySettings { session_duration: seconds(time), ..none() };
    let factor = CommunitySettings { enforce_two_factor: true, ..none() };
    let absent = CommunitySettings { deactivate_inactive_members: true, ..none() };
    let direct = |who: DirectAddition| CommunitySettings { direct_addition: who.into(), ..none() };
    let (anybody, tree, nobody) =
        (DirectAddition::Anybody, DirectAddition::TreeMembers, DirectAddition::Nobody);
    let messages = |may: PersonalMessages| CommunitySettings { personal_messages: may.into(), ..none() };
    let (allowed, forbidden) = (PersonalMessages::Allowed, PersonalMessages::Forbidden);
    vec![
        [none(), only(&["a.example"]), only(&["a.example"])],
        [only(&["a.example", "b.example"]), only(&["c.example", "b.example"]), only(&["b.example"])],
        [only(&["a.example"]), only(&["sub.a.example"]), only(&[])],
        [none(), seats(5), seats(5)],
        [seats(6), seats(5), seats(5)],
        [none(), life(DAY), life(DAY)],
        [life(30 * DAY), life(3_600), life(3_600)],
        [none(), factor.clone(), factor],
        [none(), session(900), session(900)],
        [session(DAY), session(901), session(901)],
        [none(), absent.clone(), absent],
        [none(), direct(nobody), direct(nobody)],
        [direct(anybody), direct(tree), direct(tree)],
        [direct(tree), direct(nobody), direct(nobody)],
        [none(), messages(allowed), messages(allowed)],
        [messages(allowed), messages(forbidden), messages(forbidden)],
    ]
}

#[tokio::test]
async fn for_every_setting_the_stricter_holds_whichever_of_the_two_asks_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let admin = hand_over(&admin, &tree.root).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    for [one, other, strict] in strictest() {
        for (above, own) in [(&one, &other), (&other, &one)] {
            update(&admin, request(root, above.clone(), &ALL)).await.unwrap();
            let answer = update(&admin, request(inside, own.clone(), &ALL)).await.unwrap();
            let name = format!("{inside}/settings");
            let expected = CommunitySettings { name, ..strict.clone() };
            assert_eq!(answer.effective_settings, Some(expected), "{above:?} {own:?}");
        }
    }
}

#[tokio::test]
async fn where_two_agree_on_no_domain_nobody_can_be_a_member() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let place = &tree.inside[0];
    for (community, domain) in [(&tree.root, "a.example"), (place, "b.example")] {
        let only = CommunitySettings { allowed_email_domains: domains(&[domain]), ..Default::default() };
        update(&admin, request(community, only, &[])).await.unwrap();
    }
    for domain in ["a.example", "b.example", "guest.test"] {
        let user = account(&address("ana").replace("guest.test", domain), "Ana Lima").await;
        let member = Member { user, roles: given(&["guest"]), ..Member::default() };
        let asked = CreateMemberRequest {
            parent: place.clone(),
            member: Some(member),
            ..CreateMemberRequest::default()
        };
        let answer = admin.caller.community().create_member(asked).await;
        let metadata = refused(answer, Code::InvalidArgument, "EMAIL_DOMAIN_NOT_ALLOWED");
        assert_eq!((&metadata["community"], &*metadata["domain"]), (place, domain));
    }
}

#[tokio::test]
async fn every_setting_has_its_bounds() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let many: Vec<String> = (0..101).map(|number| format!("d{number}.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let none = CommunitySettings::default;
    let good = [
        CommunitySettings { seat_limit: 1, session_duration: seconds(900), ..none() },
        CommunitySettings { seat_limit: 10_000_000, session_duration: seconds(30 * DAY), ..none() },
        CommunitySettings { max_invitation_life: seconds(3_600), ..none() },
        CommunitySettings { max_invitation_life: seconds(30 * DAY), ..none() },
        CommunitySettings { allowed_email_domains: domains(&many[..100]), ..none() },
    ];
    for settings in good {
        update(&admin, request(&place, settings, &[])).await.unwrap();
    }
    let bad = [
        (CommunitySettings { seat_limit: 10_000_001, ..none() }, "settings.seat_limit"),
        (CommunitySettings { session_duration: seconds(899), ..none() }, "settings.session_duration"),
        (CommunitySettings { session_duration: seconds(0), ..none() }, "settings.session_duration"),
        (CommunitySettings { max_invitation_life: seconds(-1), ..none() }, "settings.max_invitation_life"),
        (
            CommunitySettings { max_invitation_life: seconds(30 * DAY + 1), ..none() },
            "settings.max_invitation_life",
        ),
        (
            CommunitySettings { allowed_email_domains: domains(&many), ..none() },
            "settings.allowed_email_domains",
        ),
    ];
    for (settings, field) in bad {
        refused_fields(update(&admin, request(&place, settings, &[])).await, &[field]);
    }
}
