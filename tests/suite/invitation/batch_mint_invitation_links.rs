use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::invitation::mint_result::Result as Minted;
use usher_api::invitation::{BatchMintInvitationLinksRequest, MintResult, RevokeInvitationRequest};
use uuid::Uuid;

use crate::support::acts::suspend_community;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{accept, expired, grant, invite, managed, token};
use crate::support::{address, request_id};

async fn mint(caller: &Caller, names: Vec<String>) -> Result<Vec<MintResult>, Status> {
    let request = BatchMintInvitationLinksRequest { names };
    Ok(caller.invitation().batch_mint_invitation_links(request).await?.into_inner().results)
}

#[tokio::test]
async fn every_link_is_another_and_opens_its_own_invitation() {
    let admin = admin().await;
    let (community, known) = (managed(&admin).await, Person::new("known").await);
    let mut invitations = Vec::new();
    for email in [address("guest"), known.email.clone(), address("third")] {
        invitations.push(invite(&admin, &community, &email, vec![grant(&community, &["guest"])]).await);
    }
    let names: Vec<String> = invitations.iter().map(|invitation| invitation.name.clone()).collect();
    let results = mint(&admin.caller.service("notifier"), names.clone()).await.unwrap();
    assert_eq!(results.len(), 3);
    let mut tokens = Vec::new();
    for (invitation, result) in invitations.iter().zip(results) {
        let Some(Minted::Minted(minted)) = result.result else { panic!("{result:?}") };
        let offer = minted.offer.unwrap();
        assert_eq!((&offer.email, &*offer.communities[0].roles[0]), (&invitation.email, "Guest"));
        assert_eq!(minted.account_exists, invitation.email == known.email);
        let token = minted.link.strip_prefix("https://usher.test/join/").unwrap().to_owned();
        assert!(token.starts_with("usher_inv_"));
        tokens.push(token);
    }
    assert_ne!(tokens[1], token(&admin, &names[1]).await);
    accept(&known, &tokens[1]).await.unwrap();
    for other in [&tokens[0], &tokens[2]] {
        refused(accept(&known, other).await, Code::PermissionDenied, "EMAIL_MISMATCH");
    }
}

#[tokio::test]
async fn what_is_not_pending_is_refused_by_itself() {
    let admin = admin().await;
    let (community, stopped) = (managed(&admin).await, managed(&admin).await);
    let guest = || vec![grant(&community, &["guest"])];
    let pending = invite(&admin, &community, &address("guest"), guest()).await.name;
    let revoked = invite(&admin, &community, &address("guest"), guest()).await.name;
    let request = RevokeInvitationRequest { name: revoked.clone(), ..Default::default() };
    admin.caller.invitation().revoke_invitation(request).await.unwrap();
    let (late, _) = expired(&admin, &community, &address("guest"), guest()).await;
    let suspended = invite(&admin, &stopped, &address("guest"), vec![grant(&stopped, &["guest"])]).await.name;
    suspend_community(&admin, &stopped).await;
    let missing = format!("{community}/invitations/{}", Uuid::new_v4());
    let elsewhere = pending.replace(&community, &stopped);
    let cases = [
        (revoked, "INVITATION_REVOKED"),
        (late, "INVITATION_EXPIRED"),
        (suspended, "COMMUNITY_NOT_ACTIVE"),
        (missing, "INVITATION_NOT_FOUND"),
        (elsewhere, "INVITATION_NOT_FOUND"),
        (pending, ""),
    ];
    let names = cases.iter().map(|(name, _)| name.clone()).collect();
    let results = mint(&admin.caller.service("notifier"), names).await.unwrap();
    for ((name, expected), result) in cases.iter().zip(results) {
        let reason = match result.result {
            Some(Minted::Failure(refusal)) => refusal.reason,
            Some(Minted::Minted(_)) => String::new(),
            None => panic!("{name}"),
        };
        assert_eq!(&reason, expected, "{name}");
    }
}

#[tokio::test]
async fn is_for_the_notifier_alone() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    for caller in [admin.caller.clone(), admin.caller.service("alerts"), admin.caller.service("community")] {
        let answer = mint(&caller, vec![invitation.name.clone()]).await;
        refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn needs_names_of_invitations_each_once_and_not_too_many() {
    let notifier = Caller::nobody().service("notifier");
    let name = || format!("communities/{}/invitations/{}", request_id(), request_id());
    let again = name();
    refused_fields(mint(&notifier, Vec::new()).await, &["names"]);
    refused_fields(mint(&notifier, (0..101).map(|_| name()).collect()).await, &["names"]);
    refused_fields(mint(&notifier, vec![name(), "x".to_owned()]).await, &["names[1]"]);
    refused_fields(mint(&notifier, vec![again.clone(), again]).await, &["names[1]"]);
}
