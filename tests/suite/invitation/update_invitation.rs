mod looking;
mod words;

use prost_types::{FieldMask, Timestamp};
use tonic::{Code, Status};
use usher_api::community::{CommunitySettings, Grant};
use usher_api::invitation::{
    GetInvitationRequest, Invitation, RevokeInvitationRequest, UpdateInvitationRequest,
};
use usher_runtime::Clock;

use super::told;
use crate::support::acts::{set_community, suspend_community};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{accept, allowed, expired, grant, invite, managed, member, mssp, offer, token};
use crate::support::{address, request_id};

const HOUR: i64 = 3_600;

/// A request that sets what is set in `invitation`.
fn set(name: &str, invitation: Invitation) -> UpdateInvitationRequest {
    let invitation = Invitation { name: name.to_owned(), ..invitation };
    UpdateInvitationRequest {
        invitation: Some(invitation),
        request_id: request_id(),
        ..UpdateInvitationRequest::default()
    }
}

fn offering(grants: Vec<Grant>) -> Invitation {
    Invitation { grants, ..Invitation::default() }
}

fn called(display_name: &str) -> Invitation {
    Invitation { display_name: display_name.to_owned(), ..Invitation::default() }
}

/// So many seconds from now.
fn ahead(seconds: i64) -> Timestamp {
    Timestamp { seconds: Clock::system().now().unix_seconds() + seconds, nanos: 0 }
}

async fn update(person: &Person, request: UpdateInvitationRequest) -> Result<Invitation, Status> {
    let answer = person.caller.invitation().update_invitation(request).await?;
    Ok(answer.into_inner().invitation.unwrap_or_default())
}

async fn get(person: &Person, name: &str) -> Invitation {
    let request = GetInvitationRequest { name: name.to_owned() };
    let answer = person.caller.invitation().get_invitation(request).await;
    answer.expect("he sees it").into_inner().invitation.expect("it comes")
}

/// An invitation of somebody new as a guest.
async fn invited(admin: &Person, community: &str) -> Invitation {
    invite(admin, community, &address("guest"), vec![grant(community, &["guest"])]).await
}

#[tokio::test]
async fn it_lives_no_longer_than_its_communities_let_it() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let settings = CommunitySettings {
        max_invitation_life: Some(prost_types::Duration { seconds: 2 * HOUR, nanos: 0 }),
        ..CommunitySettings::default()
    };
    let mut request = offer(&community, &address("guest"), vec![grant(&community, &["guest"])]);
    request.ttl = Some(prost_types::Duration { seconds: HOUR, nanos: 0 });
    let answer = admin.caller.invitation().create_invitation(request).await.unwrap().into_inner();
    let name = answer.invitation.unwrap().name;
    set_community(&admin, &community, settings).await;
    let until = |seconds| Invitation { expire_time: Some(ahead(seconds)), ..Invitation::default() };
    refused_fields(update(&admin, set(&name, until(3 * HOUR))).await, &["invitation.expire_time"]);
    update(&admin, set(&name, until(2 * HOUR - 60))).await.unwrap();
}

#[tokio::test]
async fn what_is_accepted_is_what_was_offered_last() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let tree = mssp(&admin, 2).await;
    let (one, two) = (&tree.inside[0], &tree.inside[1]);
    let first = invite(&admin, &tree.root, &guest.email, vec![grant(one, &["guest"])]).await;
    let link = token(&admin, &first.name).await;

    let changed = offering(vec![grant(two, &["analyst", "manage_member"])]);
    let changed = update(&admin, set(&first.name, changed)).await.unwrap();
    assert_eq!(changed.grants.len(), 1);
    assert_eq!(
        changed.grants[0].roles,
        [format!("{two}/roles/analyst"), format!("{two}/roles/manage_member")]
    );
    assert_ne!(changed.etag, first.etag);
    assert_eq!(get(&admin, &first.name).await, changed);
    assert_eq!(told(&first.name).await, ["invitation.created", "invitation.updated"]);

    // What is not offered any more is free for another invitation, and what is offered now is not.
    invite(&admin, &tree.root, &guest.email, vec![grant(one, &["guest"])]).await;
    let accepted = accept(&guest, &link).await.unwrap();
    assert_eq!(accepted.grants[0].community, *two);
    assert!(allowed(&guest, two, "members.create").await);
    assert!(!allowed(&guest, one, "communities.get").await);
}

#[tokio::test]
async fn its_life_and_the_name_in_the_mail_change_and_nothing_else() {
    let admin = admin().await;
    let invitation = invited(&admin, &managed(&admin).await).await;
    let expire_time = Some(ahead(3 * HOUR));
    let wanted = Invitation { expire_time, ..called("  Ola Nordmann ") };
    let changed = update(&admin, set(&invitation.name, wanted)).await.unwrap();
    let expected = Invitation {
        display_name: "Ola Nordmann".to_owned(),
        expire_time,
        etag: changed.etag.clone(),
        update_time: changed.update_time,
        purge_time: changed.purge_time,
        ..invitation
    };
    assert_eq!(changed, expected);
}

#[tokio::test]
async fn the_mask_says_what_changes() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invited(&admin, &community).await;
    let wanted = Invitation { expire_time: Some(ahead(2 * HOUR)), ..called("Ola") };
    let mask = |path: &str| Some(FieldMask { paths: vec![path.to_owned()] });
    let only_name = UpdateInvitationRequest {
        update_mask: mask("display_name"),
        ..set(&invitation.name, wanted.clone())
    };
    let changed = update(&admin, only_name).await.unwrap();
    assert_eq!((changed.display_name.as_str(), changed.expire_time), ("Ola", invitation.expire_time));
    let no_name = UpdateInvitationRequest {
        update_mask: mask("display_name"),
        ..set(&invitation.name, Invitation::default())
    };
    assert_eq!(update(&admin, no_name).await.unwrap().display_name, "");
    let other = UpdateInvitationRequest { update_mask: mask("email"), ..set(&invitation.name, wanted) };
    refused_fields(update(&admin, other).await, &["update_mask"]);
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let name = invited(&admin, &community).await.name;
    let bad = Invitation {
        display_name: "a\u{7}".to_owned(),
        grants: vec![grant(&community, &[])],
        expire_time: Some(ahead(-HOUR)),
        ..Invitation::default()
    };
    let bad = UpdateInvitationRequest { request_id: "x".to_owned(), ..set(&name, bad) };
    let fields =
        ["invitation.display_name", "invitation.grants[0].roles", "invitation.expire_time", "request_id"];
    refused_fields(update(&admin, bad).await, &fields);
    for far in [i64::MAX, i64::MIN, 31 * 24 * HOUR] {
        let expire_time = Some(Timestamp { seconds: far, nanos: -1 });
        let never = set(&name, Invitation { expire_time, ..Invitation::default() });
        refused_fields(update(&admin, never).await, &["invitation.expire_time"]);
    }
    refused_fields(update(&admin, set("invitations/1", called("Ola"))).await, &["invitation.name"]);
}

#[tokio::test]
async fn nobody_offers_more_than_he_holds() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let manager = member(&admin, &community, &community, &["manage_member"]).await;
    let name = invited(&admin, &community).await.name;
    let higher = set(&name, offering(vec![grant(&community, &["admin"])]));
    refused(update(&manager, higher.clone()).await, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    // Nor does he keep alive what others offer.
    update(&admin, higher).await.unwrap();
    let longer = Invitation { expire_time: Some(ahead(10 * HOUR)), ..Invitation::default() };
    let answer = update(&manager, set(&name, longer.clone())).await;
    refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    let analyst = member(&admin, &community, &community, &["analyst"]).await;
    let metadata =
        refused(update(&analyst, set(&name, longer)).await, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(metadata["permission"], "invitations.update");
}

#[tokio::test]
async fn authority_over_one_community_neither_changes_nor_makes_an_offer_of_two() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (one, two) = (grant(&tree.inside[0], &["guest"]), grant(&tree.inside[1], &["guest"]));
    let manager = member(&admin, &tree.root, &tree.inside[0], &["manage_member"]).await;
    let both = invite(&admin, &tree.root, &address("guest"), vec![one.clone(), two.clone()]).await;
    let answer = update(&manager, set(&both.name, offering(vec![one.clone()]))).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    let single = invite(&admin, &tree.root, &address("guest"), vec![one.clone()]).await;
    let answer = update(&manager, set(&single.name, offering(vec![one, two]))).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_community_of_another_tree_is_not_offered() {
    let admin = admin().await;
    let (community, other) = (managed(&admin).await, managed(&admin).await);
    let name = invited(&admin, &community).await.name;
    let answer = update(&admin, set(&name, offering(vec![grant(&other, &["guest"])]))).await;
    assert_ne!(answer.unwrap_err().code(), Code::Ok);
}

#[tokio::test]
async fn it_rests_on_the_authority_of_whoever_chose_what_it_offers() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let manager = member(&admin, &community, &community, &["manage_member"]).await;
    let mine = invite(&manager, &community, &guest.email, vec![grant(&community, &["guest"])]).await;
    let renamed = update(&admin, set(&mine.name, called("Ola"))).await.unwrap();
    assert_eq!(renamed.inviter, manager.name);
    let higher = set(&mine.name, offering(vec![grant(&community, &["admin"])]));
    assert_eq!(update(&admin, higher).await.unwrap().inviter, admin.name);
    accept(&guest, &token(&admin, &mine.name).await).await.unwrap();
    assert!(allowed(&guest, &community, "members.delete").await);
}

#[tokio::test]
async fn another_live_invitation_is_not_pushed_aside() {
    let admin = admin().await;
    let (tree, email) = (mssp(&admin, 2).await, address("guest"));
    let (one, two) = (&tree.inside[0], &tree.inside[1]);
    let first = invite(&admin, &tree.root, &email, vec![grant(one, &["guest"])]).await;
    let second = invite(&admin, &tree.root, &email, vec![grant(two, &["guest"])]).await;
    let both = offering(vec![grant(one, &["guest"]), grant(two, &["guest"])]);
    let metadata = refused(
        update(&admin, set(&second.name, both)).await,
        Code::AlreadyExists,
        "INVITATION_ALREADY_PENDING",
    );
    assert_eq!((&metadata["invitation"], &metadata["community"]), (&first.name, one));
    assert_eq!(get(&admin, &second.name).await, second);
}

#[tokio::test]
async fn a_repeated_request_changes_once_and_a_stale_etag_is_refused() {
    let admin = admin().await;
    let invitation = invited(&admin, &managed(&admin).await).await;
    let with_etag = Invitation { etag: invitation.etag.clone(), ..called("Ola") };
    let request = set(&invitation.name, with_etag.clone());
    let first = update(&admin, request.clone()).await.unwrap();
    assert_eq!(update(&admin, request).await.unwrap(), first);
    refused(update(&admin, set(&invitation.name, with_etag)).await, Code::Aborted, "ETAG_MISMATCH");
}

#[tokio::test]
async fn what_has_ended_is_not_changed() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let grants = vec![grant(&community, &["guest"])];
    let accepted = invite(&admin, &community, &guest.email, grants.clone()).await.name;
    accept(&guest, &token(&admin, &accepted).await).await.unwrap();
    let revoked = invited(&admin, &community).await.name;
    let revocation = RevokeInvitationRequest { name: revoked.clone(), ..RevokeInvitationRequest::default() };
    admin.caller.invitation().revoke_invitation(revocation).await.unwrap();
    let (late, _) = expired(&admin, &community, &address("late"), grants).await;
    let ended = [
        (accepted, "INVITATION_ALREADY_ACCEPTED"),
        (revoked, "INVITATION_REVOKED"),
        (late, "INVITATION_EXPIRED"),
    ];
    for (name, reason) in ended {
        let answer = update(&admin, set(&name, called("Ola"))).await;
        assert_eq!(refused(answer, Code::FailedPrecondition, reason)["invitation"], name);
    }
}

#[tokio::test]
async fn nothing_changes_in_a_stopped_community() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let name = invited(&admin, &community).await.name;
    suspend_community(&admin, &community).await;
    let answer = update(&admin, set(&name, called("Ola"))).await;
    refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
}
