use futures::stream;
use tonic::{Code, Status, Streaming};
use usher_api::community::CommunitySettings;
use usher_api::invitation::import_result::Result as Imported;
use usher_api::invitation::{
    ImportHeader, ImportInvitationsRequest, ImportInvitationsResponse, ImportItem, ImportProgress,
    ImportResult,
};

use crate::support::acts::set_community;
use crate::support::mail::the_mail;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::rows::use_up;
use crate::support::tree::{grant, invite, managed, member, mssp, offer};
use crate::support::{address, request_id};

/// The header of an import of guests into `community`, at the top.
fn header(community: &str) -> ImportHeader {
    ImportHeader {
        parent: community.to_owned(),
        grants: vec![grant(community, &["guest"])],
        notify: Some(false),
        request_id: request_id(),
        ..ImportHeader::default()
    }
}

/// A message with addresses as they are typed.
fn typed(emails: &str) -> ImportInvitationsRequest {
    ImportInvitationsRequest { emails: emails.to_owned(), ..ImportInvitationsRequest::default() }
}

/// A message with people.
fn items(emails: impl IntoIterator<Item = String>) -> ImportInvitationsRequest {
    let item = |email| ImportItem { email, ..ImportItem::default() };
    ImportInvitationsRequest {
        items: emails.into_iter().map(item).collect(),
        ..ImportInvitationsRequest::default()
    }
}

/// A message with a piece of a file.
fn csv(piece: &[u8]) -> ImportInvitationsRequest {
    ImportInvitationsRequest { csv: piece.to_vec(), ..ImportInvitationsRequest::default() }
}

/// Sends the header with the first message, and the others after it.
async fn start(
    person: &Person,
    header: ImportHeader,
    mut messages: Vec<ImportInvitationsRequest>,
) -> Result<Streaming<ImportInvitationsResponse>, Status> {
    match messages.first_mut() {
        Some(first) => first.header = Some(header),
        None => messages.push(ImportInvitationsRequest { header: Some(header), ..Default::default() }),
    }
    let answer = person.caller.invitation().import_invitations(stream::iter(messages)).await?;
    Ok(answer.into_inner())
}

/// All results, and where the import stands in the end.
async fn import(
    person: &Person,
    header: ImportHeader,
    messages: Vec<ImportInvitationsRequest>,
) -> Result<(Vec<ImportResult>, ImportProgress), Status> {
    let mut answers = start(person, header, messages).await?;
    let (mut results, mut progress) = (Vec::new(), ImportProgress::default());
    while let Some(answer) = answers.message().await? {
        results.extend(answer.results);
        progress = answer.progress.unwrap();
    }
    Ok((results, progress))
}

/// `invited`, or the reason why not.
fn outcomes(results: &[ImportResult]) -> Vec<String> {
    let outcome = |result: &ImportResult| match result.result.as_ref().unwrap() {
        Imported::Invitation(_) => "invited".to_owned(),
        Imported::Preview(_) => "possible".to_owned(),
        Imported::Failure(failure) => failure.reason.clone(),
    };
    results.iter().map(outcome).collect()
}

#[tokio::test]
async fn each_address_gets_its_own_invitation_and_mail() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let emails = [address("ana"), address("bo"), address("cy")];
    let header = ImportHeader { notify: None, ..header(&community) };
    let (results, progress) = import(&admin, header, vec![typed(&emails.join(", "))]).await.unwrap();
    for (index, (result, email)) in results.iter().zip(&emails).enumerate() {
        assert_eq!((usize::try_from(result.index).unwrap(), &result.email), (index, email));
        assert!(
            matches!(&result.result, Some(Imported::Invitation(invitation)) if invitation.email == *email)
        );
        the_mail(email).await;
    }
    assert_eq!(results.len(), 3);
    assert_eq!(progress, ImportProgress { received: 3, invited: 3, refused: 0, done: true });
}

#[tokio::test]
async fn bad_lines_twins_and_members_are_told_by_index_and_do_not_stop_the_others() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let (pending, twice) = (address("pending"), address("twice"));
    let first = invite(&admin, &community, &pending, vec![grant(&community, &["guest"])]).await;
    let there = member(&admin, &community, &community, &["guest"]).await;
    let emails = [
        twice.clone(),
        "nobody".to_owned(),
        pending,
        twice.to_uppercase(),
        there.email.clone(),
        address("last"),
    ];
    let (results, progress) = import(&admin, header(&community), vec![items(emails)]).await.unwrap();
    let expected = [
        "invited",
        "INVALID_FIELDS",
        "INVITATION_ALREADY_PENDING",
        "INVITATION_ALREADY_PENDING",
        "ALREADY_MEMBER",
        "invited",
    ];
    assert_eq!(outcomes(&results), expected);
    assert_eq!((progress.received, progress.invited, progress.refused), (6, 2, 4));
    let failure = |index: usize| match results[index].result.as_ref().unwrap() {
        Imported::Failure(failure) => failure,
        other => panic!("{other:?}"),
    };
    assert!(failure(1).field_violations.contains_key("email"));
    assert_eq!(failure(2).metadata["invitation"], first.name);
    let Some(Imported::Invitation(of_twice)) = &results[0].result else { panic!("{results:?}") };
    assert_eq!(failure(3).metadata["invitation"], of_twice.name);
}

#[tokio::test]
async fn a_file_says_for_each_person_where_and_as_what() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (one, two) = (&tree.inside[0], &tree.inside[1]);
    let emails: Vec<String> = (0..4).map(|_| address("guest")).collect();
    let bare = two.trim_start_matches("communities/");
    let file = format!(
        "email,display_name,communities,roles\r\n\
         {},\"Okafor, Mira\",{one};{bare},guest;analyst\r\n\
         {},,,\r\n\
         {},,{one},superuser\r\n\
         {},short\r\n",
        emails[0], emails[1], emails[2], emails[3],
    );
    let header = ImportHeader { grants: vec![grant(one, &["guest"])], ..header(&tree.root) };
    // Cut anywhere.
    let pieces = file.as_bytes().chunks(17).map(csv).collect();
    let (results, _) = import(&admin, header, pieces).await.unwrap();
    assert_eq!(outcomes(&results), ["invited", "invited", "UNKNOWN_ROLE", "INVALID_FIELDS"]);
    assert_eq!(results.iter().map(|it| &it.email).collect::<Vec<_>>(), emails.iter().collect::<Vec<_>>());
    let Some(Imported::Invitation(first)) = &results[0].result else { panic!("{results:?}") };
    assert_eq!(first.display_name, "Okafor, Mira");
    let given: Vec<_> = first.grants.iter().map(|it| (it.community.clone(), it.roles.len())).collect();
    assert_eq!(given, [(one.clone(), 2), (two.clone(), 2)]);
    let Some(Imported::Invitation(second)) = &results[1].result else { panic!("{results:?}") };
    assert_eq!(second.grants[0].roles, [format!("{one}/roles/guest")]);
}

#[tokio::test]
async fn who_may_invite_only_here_is_refused_only_there() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let manager = member(&admin, &tree.root, &tree.inside[0], &["manage_member"]).await;
    let item = |place: &str| ImportItem {
        email: address("guest"),
        grants: vec![grant(place, &["guest"])],
        ..ImportItem::default()
    };
    let message = ImportInvitationsRequest {
        items: vec![item(&tree.inside[1]), item(&tree.inside[0])],
        ..ImportInvitationsRequest::default()
    };
    let header = ImportHeader { grants: Vec::new(), ..header(&tree.root) };
    let (results, _) = import(&manager, header, vec![message]).await.unwrap();
    assert_eq!(outcomes(&results), ["PERMISSION_DENIED", "invited"]);
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let bad = ImportHeader {
        parent: "x".to_owned(),
        grants: vec![grant("alpine", &["guest"])],
        ttl: Some(prost_types::Duration { seconds: -1, nanos: 0 }),
        message: "\u{1}".to_owned(),
        locale: "german language".to_owned(),
        request_id: "42".to_owned(),
        ..ImportHeader::default()
    };
    let fields = [
        "header.parent",
        "header.grants[0].community",
        "header.ttl",
        "header.message",
        "header.locale",
        "request_id",
    ];
    refused_fields(import(&admin, bad, Vec::new()).await, &fields);
    let mut client = admin.caller.invitation();
    let answer = client.import_invitations(stream::iter([typed(&address("guest"))])).await;
    refused_fields(answer.map(drop), &["header"]);
    let twice = vec![
        typed(&address("one")),
        ImportInvitationsRequest { header: Some(header(&community)), ..Default::default() },
    ];
    refused_fields(import(&admin, header(&community), twice).await, &["header"]);
    let unknown = vec![csv(b"email,colour\na@guest.test,red\n")];
    refused_fields(import(&admin, header(&community), unknown).await, &["csv"]);
    let many = (0..11).map(|_| typed(&vec!["nobody"; 1_000].join(","))).collect();
    refused_fields(import(&admin, header(&community), many).await, &["items"]);
}

#[tokio::test]
async fn without_authority_nobody_is_invited() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let analyst = member(&admin, &community, &community, &["analyst"]).await;
    let answer = import(&analyst, header(&community), vec![typed(&address("guest"))]).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_repeated_import_gets_the_first_results() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let emails: Vec<String> = (0..120).map(|number| address(&format!("guest{number}"))).collect();
    let header = header(&community);
    let whole = import(&admin, header.clone(), vec![items(emails.clone())]).await.unwrap();
    // Cut into other messages, it is the same import.
    let pieces = emails.chunks(7).map(|some| items(some.to_vec())).collect();
    assert_eq!(import(&admin, header.clone(), pieces).await.unwrap(), whole);
    assert!(outcomes(&whole.0).iter().all(|outcome| *outcome == "invited"));

    let mut others = emails;
    others[3] = address("other");
    let answer = import(&admin, header, vec![items(others)]).await;
    refused(answer, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn an_import_that_its_client_leaves_is_continued_where_it_broke_off() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let emails: Vec<String> = (0..300).map(|number| address(&format!("guest{number}"))).collect();
    let header = header(&community);
    let mut answers = start(&admin, header.clone(), vec![items(emails.clone())]).await.unwrap();
    let first = answers.message().await.unwrap().unwrap();
    drop(answers);
    let (results, progress) = import(&admin, header, vec![items(emails)]).await.unwrap();
    assert_eq!(results[..first.results.len()], first.results);
    assert_eq!(progress, ImportProgress { received: 300, invited: 300, refused: 0, done: true });
}

#[tokio::test]
async fn seats_and_limits_let_the_first_in() {
    let admin = admin().await;
    let community = managed(&admin).await;
    set_community(&admin, &community, CommunitySettings { seat_limit: 3, ..Default::default() }).await;
    let emails = || (0..4).map(|_| address("guest"));
    let (results, _) = import(&admin, header(&community), vec![items(emails())]).await.unwrap();
    let full = "SEAT_LIMIT_REACHED";
    assert_eq!(outcomes(&results), ["invited", "invited", full, full]);

    let community = managed(&admin).await;
    use_up("tree", &community, 20_000, 3).await;
    let (results, _) = import(&admin, header(&community), vec![items(emails())]).await.unwrap();
    assert_eq!(outcomes(&results), ["invited", "invited", "invited", "INVITER_RATE_LIMITED"]);
    let next = offer(&community, &address("guest"), vec![grant(&community, &["guest"])]);
    let answer = admin.caller.invitation().create_invitation(next).await;
    refused(answer, Code::ResourceExhausted, "INVITER_RATE_LIMITED");
}

#[tokio::test]
async fn looking_writes_nothing() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let emails = [address("guest"), "nobody".to_owned()];
    let header = ImportHeader { validate_only: true, notify: None, ..header(&community) };
    for _ in 0..2 {
        let (results, progress) = import(&admin, header.clone(), vec![items(emails.clone())]).await.unwrap();
        assert_eq!(outcomes(&results), ["possible", "INVALID_FIELDS"]);
        assert_eq!((progress.invited, progress.refused), (1, 1));
        let Some(Imported::Preview(preview)) = &results[0].result else { panic!("{results:?}") };
        assert_eq!(preview.mail.as_ref().unwrap().offer.as_ref().unwrap().email, emails[0]);
    }
    invite(&admin, &community, &emails[0], vec![grant(&community, &["guest"])]).await;
}
