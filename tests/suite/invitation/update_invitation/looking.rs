//! `validate_only`: what it would become.

use tonic::{Code, Status};
use usher_api::community::{CommunitySettings, EmailDomains};
use usher_api::invitation::{Invitation, InvitationPreview, UpdateInvitationRequest};

use super::{HOUR, ahead, called, get, invited, offering, set, update};
use crate::invitation::told;
use crate::support::acts::set_community;
use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::tree::{expired, grant, invite, managed, member, mssp};

/// What the request would come to.
async fn look(person: &Person, request: UpdateInvitationRequest) -> Result<InvitationPreview, Status> {
    let request = UpdateInvitationRequest { validate_only: true, ..request };
    let answer = person.caller.invitation().update_invitation(request).await?.into_inner();
    assert!(answer.invitation.is_none());
    Ok(answer.preview.unwrap())
}

fn reasons(preview: &InvitationPreview) -> Vec<&str> {
    let mut reasons: Vec<&str> = preview.refusals.iter().map(|it| it.reason.as_str()).collect();
    reasons.sort_unstable();
    reasons
}

#[tokio::test]
async fn looking_tells_what_it_would_become_and_changes_nothing() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (one, two) = (&tree.inside[0], &tree.inside[1]);
    set_community(&admin, two, CommunitySettings { seat_limit: 5, ..CommunitySettings::default() }).await;
    let invitation = invite(&admin, &tree.root, &address("guest"), vec![grant(one, &["guest"])]).await;
    let wanted = Invitation {
        grants: vec![grant(two, &["manage_member"])],
        expire_time: Some(ahead(5 * HOUR)),
        ..called("Ola")
    };
    let request = set(&invitation.name, wanted.clone());
    let preview = look(&admin, request.clone()).await.unwrap();
    assert_eq!(reasons(&preview), [""; 0]);
    let [shown] = &preview.grants[..] else { panic!("{preview:?}") };
    let offered = shown.grant.as_ref().unwrap();
    assert_eq!((&offered.community, &offered.roles[0]), (two, &format!("{two}/roles/manage_member")));
    assert!(shown.permissions.contains(&"invitations.create".to_owned()));
    assert_eq!((shown.seat_limit, shown.seats_taken), (5, 0));
    assert_eq!((preview.expire_time, preview.allowances.len()), (wanted.expire_time, 2));
    let mail = preview.mail.unwrap().offer.unwrap();
    assert_eq!((&mail.email, &*mail.display_name), (&invitation.email, "Ola"));
    assert_eq!(mail.communities[0].community, *two);

    assert_eq!(get(&admin, &invitation.name).await, invitation);
    assert_eq!(told(&invitation.name).await, ["invitation.created"]);
    // The trial did not use up the request id, nor keep a seat.
    assert_eq!(update(&admin, request).await.unwrap().grants[0].roles, offered.roles);
}

#[tokio::test]
async fn looking_tells_each_refusal() {
    let admin = admin().await;
    let tree = mssp(&admin, 3).await;
    let (root, one, strict) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let email = address("guest");
    let mine = invite(&admin, root, &email, vec![grant(one, &["guest"])]).await;
    invite(&admin, root, &email, vec![grant(strict, &["guest"])]).await;
    member(&admin, root, strict, &["guest"]).await;
    let settings = CommunitySettings {
        allowed_email_domains: Some(EmailDomains { domains: vec!["northwind.example".to_owned()] }),
        max_invitation_life: Some(prost_types::Duration { seconds: 2 * HOUR, nanos: 0 }),
        seat_limit: 1,
        ..CommunitySettings::default()
    };
    set_community(&admin, strict, settings).await;
    let wanted = Invitation {
        grants: vec![grant(strict, &["guest"])],
        expire_time: Some(ahead(3 * HOUR)),
        message: "Welcome!".to_owned(),
        etag: "stale".to_owned(),
        ..Invitation::default()
    };
    let preview = look(&admin, set(&mine.name, wanted)).await.unwrap();
    let all = [
        "EMAIL_DOMAIN_NOT_ALLOWED",
        "ETAG_MISMATCH",
        "INVALID_FIELDS",
        "INVITATION_ALREADY_PENDING",
        "MESSAGE_NOT_ALLOWED",
        "SEAT_LIMIT_REACHED",
    ];
    assert_eq!(reasons(&preview), all);
    assert_eq!(preview.grants.len(), 1);

    // What is wrong with each community.
    let wrong = vec![
        grant(one, &["superuser"]),
        grant(&tree.inside[2], &["guest"]),
        grant(&managed(&admin).await, &["guest"]),
    ];
    let preview = look(&admin, set(&mine.name, offering(wrong))).await.unwrap();
    assert_eq!(reasons(&preview), ["COMMUNITY_OUTSIDE_TREE", "UNKNOWN_ROLE"]);
    // What others offer is no less beyond him for being kept.
    let manager = member(&admin, root, one, &["manage_member"]).await;
    update(&admin, set(&mine.name, offering(vec![grant(one, &["admin"])]))).await.unwrap();
    let preview = look(&manager, set(&mine.name, called("Ola"))).await.unwrap();
    assert_eq!(reasons(&preview), ["ROLE_EXCEEDS_AUTHORITY"]);
}

#[tokio::test]
async fn whoever_may_not_and_what_has_ended_are_refused_when_looking_too() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let name = invited(&admin, &community).await.name;
    let analyst = member(&admin, &community, &community, &["analyst"]).await;
    let answer = look(&analyst, set(&name, called("Ola"))).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    let grants = vec![grant(&community, &["guest"])];
    let (late, _) = expired(&admin, &community, &address("late"), grants).await;
    refused(look(&admin, set(&late, called("Ola"))).await, Code::FailedPrecondition, "INVITATION_EXPIRED");
}
