use tonic::Code;
use usher_api::invitation::import_result::Result as Imported;
use usher_api::invitation::{ImportInvitationsRequest, ImportResult};

use crate::support::mail::the_mail;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, invite, managed, member};
use crate::support::{address, request_id};

fn request(community: &str, emails: &str) -> ImportInvitationsRequest {
    ImportInvitationsRequest {
        parent: community.to_owned(),
        emails: emails.to_owned(),
        grants: vec![grant(community, &["guest"])],
        ttl: None,
        notify: Some(false),
        request_id: request_id(),
    }
}

async fn import(person: &Person, request: ImportInvitationsRequest) -> Vec<ImportResult> {
    person.caller.invitation().import_invitations(request).await.unwrap().into_inner().results
}

#[tokio::test]
async fn each_address_gets_its_own_invitation_and_mail() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let emails = [address("ana"), address("bo"), address("cy")];
    let results =
        import(&admin, ImportInvitationsRequest { notify: None, ..request(&community, &emails.join(", ")) })
            .await;
    for (index, (result, email)) in results.iter().zip(&emails).enumerate() {
        assert_eq!((usize::try_from(result.index).unwrap(), &result.email), (index, email));
        assert!(
            matches!(&result.result, Some(Imported::Invitation(invitation)) if invitation.email == *email)
        );
        the_mail(email).await;
    }
    assert_eq!(results.len(), 3);
}

#[tokio::test]
async fn a_bad_address_does_not_stop_the_others() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let (pending, twice) = (address("pending"), address("twice"));
    let first = invite(&admin, &community, &pending, vec![grant(&community, &["guest"])]).await;
    let emails = format!("{twice}, nobody, {pending}, {}", twice.to_uppercase());
    let results = import(&admin, request(&community, &emails)).await;
    let outcome = |index: usize| match results[index].result.as_ref().unwrap() {
        Imported::Invitation(_) => "invited".to_owned(),
        Imported::Failure(failure) => failure.reason.clone(),
    };
    let outcomes: Vec<_> = (0..results.len()).map(outcome).collect();
    assert_eq!(outcomes[1..3], ["INVALID_FIELDS", "INVITATION_ALREADY_PENDING"]);
    let Some(Imported::Failure(failure)) = &results[2].result else { panic!("it must fail") };
    assert_eq!(failure.metadata["invitation"], first.name);
    let of_twice = [outcomes[0].as_str(), outcomes[3].as_str()];
    assert!(
        of_twice.contains(&"invited") && of_twice.contains(&"INVITATION_ALREADY_PENDING"),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let bad =
        ImportInvitationsRequest { parent: "x".to_owned(), emails: " , ".to_owned(), ..Default::default() };
    refused_fields(admin.caller.invitation().import_invitations(bad).await, &["parent", "emails", "grants"]);
    let community = managed(&admin).await;
    let many = vec!["a@guest.test"; 101].join(",");
    refused_fields(
        admin.caller.invitation().import_invitations(request(&community, &many)).await,
        &["emails"],
    );
}

#[tokio::test]
async fn without_authority_nobody_is_invited() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let analyst = member(&admin, &community, &community, &["analyst"]).await;
    let answer = analyst.caller.invitation().import_invitations(request(&community, &address("guest"))).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let request = request(&community, &format!("{}, nobody", address("guest")));
    assert_eq!(import(&admin, request.clone()).await, import(&admin, request).await);
}
