//! `validate_only`: what would become of it.

use prost_types::Duration;
use tonic::{Code, Status};
use usher_api::community::{CommunitySettings, EmailDomains};
use usher_api::invitation::{CreateInvitationRequest, InvitationPreview};

use crate::support::acts::set_community;
use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::tree::{grant, invite, managed, member, mssp, offer, role};

/// What the request would come to.
async fn look(inviter: &Person, mut request: CreateInvitationRequest) -> Result<InvitationPreview, Status> {
    request.validate_only = true;
    let answer = inviter.caller.invitation().create_invitation(request).await?.into_inner();
    assert!(answer.invitation.is_none());
    Ok(answer.preview.unwrap())
}

#[tokio::test]
async fn looking_tells_what_it_would_give_and_the_mail_and_writes_nothing() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, place, email) = (&tree.root, &tree.inside[0], address("guest"));
    set_community(&admin, place, CommunitySettings { seat_limit: 5, ..CommunitySettings::default() }).await;
    let custom = role(&admin, root, &["members.list"]).await;
    let mut request = offer(root, &email, vec![grant(place, &["manage_member", &custom])]);
    request.notify = None;
    request.ttl = Some(Duration { seconds: 3_600, nanos: 0 });
    for _ in 0..2 {
        let preview = look(&admin, request.clone()).await.unwrap();
        assert!(preview.refusals.is_empty(), "{preview:?}");
        let shown = &preview.grants[0];
        let roles = &shown.grant.as_ref().unwrap().roles;
        assert_eq!(roles, &[format!("{place}/roles/manage_member"), custom.clone()]);
        assert!(shown.permissions.contains(&"invitations.create".to_owned()));
        assert!(!shown.permissions.contains(&"roles.create".to_owned()));
        assert_eq!((shown.seat_limit, shown.seats_taken), (5, 0));
        assert_eq!(preview.allowances.len(), 2);
        let mail = preview.mail.unwrap();
        let offer = mail.offer.unwrap();
        assert_eq!((&*mail.template, &offer.email), ("invitation", &email));
        assert_eq!(offer.communities[0].display_name, shown.display_name);
        assert_eq!(offer.expire_time, preview.expire_time);
    }
    request.notify = Some(false);
    assert!(look(&admin, request.clone()).await.unwrap().mail.is_none());
    // Nothing is in the way, not even of the same request id.
    admin.caller.invitation().create_invitation(request).await.unwrap();
}

#[tokio::test]
async fn looking_tells_each_refusal() {
    let admin = admin().await;
    let tree = mssp(&admin, 3).await;
    let (root, email) = (&tree.root, address("guest"));
    let settings = CommunitySettings {
        allowed_email_domains: Some(EmailDomains { domains: vec!["northwind.example".to_owned()] }),
        max_invitation_life: Some(Duration { seconds: 3_600, nanos: 0 }),
        seat_limit: 1,
        ..CommunitySettings::default()
    };
    invite(&admin, root, &email, vec![grant(&tree.inside[0], &["guest"])]).await;
    let there = member(&admin, root, &tree.inside[0], &["guest"]).await;
    set_community(&admin, &tree.inside[0], settings).await;
    let mut request = offer(root, &email, vec![grant(&tree.inside[0], &["guest"])]);
    request.ttl = Some(Duration { seconds: 7_200, nanos: 0 });
    request.invitation.as_mut().unwrap().message = "Welcome!".to_owned();
    let mut reasons: Vec<String> =
        look(&admin, request).await.unwrap().refusals.into_iter().map(|it| it.reason).collect();
    reasons.sort();
    let all = [
        "EMAIL_DOMAIN_NOT_ALLOWED",
        "INVALID_FIELDS",
        "INVITATION_ALREADY_PENDING",
        "MESSAGE_NOT_ALLOWED",
        "SEAT_LIMIT_REACHED",
    ];
    assert_eq!(reasons, all);
    let again = offer(root, &there.email, vec![grant(&tree.inside[0], &["guest"])]);
    let reasons: Vec<String> =
        look(&admin, again).await.unwrap().refusals.into_iter().map(|it| it.reason).collect();
    assert_eq!(reasons, ["EMAIL_DOMAIN_NOT_ALLOWED", "ALREADY_MEMBER"]);

    // What is wrong with each community.
    let wrong = vec![
        grant(&tree.inside[1], &["superuser"]),
        grant(&tree.inside[2], &["guest"]),
        grant(&managed(&admin).await, &["guest"]),
    ];
    let preview = look(&admin, offer(root, &address("guest"), wrong)).await.unwrap();
    let reasons: Vec<&str> = preview.refusals.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(reasons, ["UNKNOWN_ROLE", "COMMUNITY_OUTSIDE_TREE"]);
    assert_eq!(preview.refusals[0].domain, "community.usher");

    // Who may not invite is told nothing else.
    let analyst = member(&admin, root, root, &["analyst"]).await;
    let answer = look(&analyst, offer(root, &email, vec![grant(&tree.inside[0], &["superuser"])])).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
}
