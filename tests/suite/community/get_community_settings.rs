use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{
    CommunitySettings, DirectAddition, GetCommunitySettingsRequest, GetCommunitySettingsResponse,
};

use super::{ask_of_members, denied, holder, no_community, outsiders};
use crate::support::acts::suspend_community;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, hand_over, managed, mssp};

async fn get(caller: &Caller, community: &str) -> Result<GetCommunitySettingsResponse, Status> {
    let request = GetCommunitySettingsRequest { name: format!("{community}/settings") };
    Ok(caller.community().get_community_settings(request).await?.into_inner())
}

#[tokio::test]
async fn a_community_that_never_said_anything_asks_nothing() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let GetCommunitySettingsResponse { settings, effective_settings } =
        get(&admin.caller, &place).await.unwrap();
    let nothing = CommunitySettings { name: format!("{place}/settings"), ..CommunitySettings::default() };
    assert_eq!(settings, Some(CommunitySettings { etag: "0".to_owned(), ..nothing.clone() }));
    assert_eq!(effective_settings, Some(nothing));
}

#[tokio::test]
async fn what_an_mssp_community_asks_holds_inside_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let admin = hand_over(&admin, &tree.root).await;
    let strict = CommunitySettings {
        seat_limit: 5,
        enforce_two_factor: true,
        direct_addition: DirectAddition::Nobody.into(),
        ..CommunitySettings::default()
    };
    ask_of_members(&admin, &tree.root, strict).await;
    let own = CommunitySettings { seat_limit: 3, deactivate_inactive_members: true, ..Default::default() };
    ask_of_members(&admin, &tree.inside[0], own).await;

    let one = get(&admin.caller, &tree.inside[0]).await.unwrap();
    let (own, effective) = (one.settings.unwrap(), one.effective_settings.unwrap());
    assert_eq!((own.seat_limit, own.enforce_two_factor), (3, false));
    assert_eq!((effective.seat_limit, effective.enforce_two_factor), (3, true));
    assert!(effective.deactivate_inactive_members);
    assert_eq!(effective.direct_addition(), DirectAddition::Nobody);
    let two = get(&admin.caller, &tree.inside[1]).await.unwrap().effective_settings.unwrap();
    assert_eq!((two.seat_limit, two.deactivate_inactive_members), (5, false));
    // What is asked inside holds neither above nor beside.
    let root = get(&admin.caller, &tree.root).await.unwrap().effective_settings.unwrap();
    assert_eq!((root.seat_limit, root.deactivate_inactive_members), (5, false));
}

#[tokio::test]
async fn whoever_sees_the_community_sees_them() {
    let admin = admin().await;
    let (tree, nowhere) = (mssp(&admin, 2).await, no_community());
    let place = &tree.inside[0];
    let [member, beside, stranger] = outsiders(&admin, &tree).await;
    let guest = holder(&admin, &tree.root, vec![grant(&tree.root, &["guest"])]).await;
    let service = Caller::nobody().service("alerts");
    for caller in [&member.caller, &guest.caller, &service] {
        get(caller, place).await.unwrap();
    }
    for person in [&beside, &stranger] {
        denied(get(&person.caller, place).await, "communities.get", place);
        denied(get(&person.caller, &nowhere).await, "communities.get", &nowhere);
    }
    refused(get(&service, &nowhere).await, Code::NotFound, "COMMUNITY_NOT_FOUND");
    refused(get(&Caller::nobody(), place).await, Code::Unauthenticated, "TOKEN_MISSING");
}

#[tokio::test]
async fn the_name_must_be_one() {
    let person = Person::new("mira").await;
    for name in ["", "communities/northwind/settings", &no_community()] {
        let request = GetCommunitySettingsRequest { name: name.to_owned() };
        refused_fields(person.caller.community().get_community_settings(request).await, &["name"]);
    }
}

#[tokio::test]
async fn they_are_seen_where_the_community_is_stopped_and_by_the_platform() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let place = &tree.inside[0];
    let strict = CommunitySettings { seat_limit: 9, ..CommunitySettings::default() };
    ask_of_members(&admin, &tree.root, strict).await;
    let guest = holder(&admin, &tree.root, vec![grant(place, &["guest"])]).await;
    hand_over(&admin, &tree.root).await;
    suspend_community(&admin, &tree.root).await;
    for caller in [&admin.caller, &guest.caller] {
        assert_eq!(get(caller, place).await.unwrap().effective_settings.unwrap().seat_limit, 9);
    }
    // What holds inside is told there, but not what is asked above.
    denied(get(&guest.caller, &tree.root).await, "communities.get", &tree.root);
    refused(get(&admin.caller, &no_community()).await, Code::NotFound, "COMMUNITY_NOT_FOUND");
}
