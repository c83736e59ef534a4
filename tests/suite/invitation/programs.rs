//! API keys and service accounts as inviters, also on behalf of people.

mod acceptance;
mod withdrawal;

use prost::Message as _;
use sandbox::{Caller, Service};
use sea_orm::{ConnectionTrait as _, Statement};
use tonic::{Code, Status};
use usher_api::community::{ExplainAccessRequest, Grant};
use usher_api::invitation::{
    BatchCreateInvitationsRequest, BatchRevokeInvitationsRequest, CreateInvitationRequest,
    DescribeInvitationRequest, GetInvitationRequest, ImportHeader, ImportInvitationsRequest, Invitation,
    InvitationEvent, InvitationFact, InvitationState, ListInvitationsRequest, ResendInvitationRequest,
    UpdateInvitationRequest, WatchInvitationsRequest,
};

use crate::support::address;
use crate::support::keys::{Key, account, give, key};
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::rows::{database, use_up};
use crate::support::tree::{accept, grant, invite, managed, member, mint, mssp, offer, role, token};

/// What it takes to invite by a role that lists members.
const INVITING: [&str; 3] = ["invitations.create", "invitations.list", "members.list"];
/// The same, also on behalf of people.
const REPRESENTING: [&str; 4] =
    ["invitations.create", "invitations.list", "members.list", "serviceAccounts.represent"];

/// All that there is to do with invitations.
const ALL: [&str; 6] = [
    "members.list",
    "invitations.create",
    "invitations.list",
    "invitations.update",
    "invitations.resend",
    "invitations.revoke",
];

async fn create(caller: &Caller, request: CreateInvitationRequest) -> Result<Invitation, Status> {
    let answer = caller.invitation().create_invitation(request).await?.into_inner();
    Ok(answer.invitation.expect("it comes"))
}

/// Has a program invite somebody.
async fn invite_by(program: &Caller, root: &str, email: &str, grants: Vec<Grant>) -> Invitation {
    create(program, offer(root, email, grants)).await.expect("the invitation is made")
}

async fn get(caller: &Caller, name: &str) -> Invitation {
    let request = GetInvitationRequest { name: name.to_owned() };
    let answer = caller.invitation().get_invitation(request).await.expect("it is seen");
    answer.into_inner().invitation.expect("it comes")
}

/// A managed community in which a service account may invite and represent, a role that it can give, and a key of it.
async fn represented_place(admin: &Person) -> (String, String, String, Key) {
    let place = managed(admin).await;
    let role = role(admin, &place, &["members.list"]).await;
    let (made, key) = account(admin).await;
    give(admin, &made.name, &place, &REPRESENTING).await;
    (place, role, made.name, key)
}

#[tokio::test]
async fn a_key_invites_within_its_permissions_and_is_named_wherever_inviters_are() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let place = managed(&admin).await;
    let role = role(&admin, &place, &["members.list"]).await;
    let made = key(&admin, &place, &INVITING).await;
    let beyond = offer(&place, &guest.email, vec![grant(&place, &["manage_member"])]);
    let metadata =
        refused(create(&made.caller, beyond).await, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    assert!(metadata["permissions"].contains("invitations.revoke"), "{metadata:?}");

    let invitation = invite_by(&made.caller, &place, &guest.email, vec![grant(&place, &[&role])]).await;
    assert_eq!((&invitation.inviter, &*invitation.on_behalf_of), (&made.key.name, ""));
    let seen = made.caller.invitation();
    let request = GetInvitationRequest { name: invitation.name.clone() };
    let change = seen.clone().get_invitation(request).await.unwrap().into_inner().timeline.remove(0);
    assert_eq!((change.fact(), &change.actor), (InvitationFact::Created, &made.key.name));
    let event = created_event(&invitation.name).await;
    assert_eq!((&event.actor, &*event.on_behalf_of), (&made.key.name, ""));

    accept(&guest, &token(&admin, &invitation.name).await).await.unwrap();
    let request = ExplainAccessRequest {
        user: guest.name.clone(),
        community: place.clone(),
        permission: "members.list".to_owned(),
        ..ExplainAccessRequest::default()
    };
    let told = admin.caller.community().explain_access(request).await.unwrap().into_inner();
    let path = told.paths[0].role.as_ref().unwrap();
    assert!(told.allowed);
    assert_eq!((&path.granted_by, &path.invitation), (&made.key.name, &invitation.name));
}

/// The event that tells of its making.
async fn created_event(name: &str) -> InvitationEvent {
    let outbox = database(Service::Invitation).await;
    let sql = "SELECT payload FROM outbox WHERE resource = $1 AND version = 1";
    let statement = Statement::from_sql_and_values(outbox.get_database_backend(), sql, [name.into()]);
    let row = outbox.query_one_raw(statement).await.unwrap().unwrap();
    InvitationEvent::decode(row.try_get::<Vec<u8>>("", "payload").unwrap().as_slice()).unwrap()
}

#[tokio::test]
async fn on_behalf_of_a_person_an_account_invites_within_what_both_may() {
    let admin = admin().await;
    let (place, role, account, key) = represented_place(&admin).await;
    let manager = member(&admin, &place, &place, &["manage_member"]).await;
    let guest = member(&admin, &place, &place, &["guest"]).await;
    let asked = |roles: &[&str]| offer(&place, &address("guest"), vec![grant(&place, roles)]);
    let (for_manager, for_guest) =
        (key.caller.representing(&manager.name), key.caller.representing(&guest.name));

    let made = create(&for_manager, asked(&[&role])).await.unwrap();
    assert_eq!((&made.inviter, &made.on_behalf_of), (&account, &manager.name));
    let event = created_event(&made.name).await;
    assert_eq!((&event.actor, &event.on_behalf_of), (&account, &manager.name));
    // He may, the account may not; and the other way round.
    let answer = create(&for_manager, asked(&["manage_member"])).await;
    refused(answer, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    let answer = create(&for_guest, asked(&[&role])).await;
    assert_eq!(
        refused(answer, Code::PermissionDenied, "PERMISSION_DENIED")["permission"],
        "invitations.create"
    );
    // Both may, but nobody is to be represented there.
    give(&admin, &account, &place, &INVITING).await;
    let answer = create(&for_manager, asked(&[&role])).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(create(&key.caller, asked(&[&role])).await.unwrap().on_behalf_of, "");
}

#[tokio::test]
async fn looking_tells_a_program_what_doing_would() {
    let admin = admin().await;
    let (place, role, _, key) = represented_place(&admin).await;
    let manager = member(&admin, &place, &place, &["manage_member"]).await;
    let for_manager = key.caller.representing(&manager.name);
    let look = |roles: &[&str]| {
        let mut request = offer(&place, &address("guest"), vec![grant(&place, roles)]);
        (request.validate_only, request.notify) = (true, None);
        request
    };
    let seen = for_manager.invitation().create_invitation(look(&[&role])).await.unwrap().into_inner();
    let preview = seen.preview.unwrap();
    assert!(preview.refusals.is_empty(), "{preview:?}");
    assert_eq!(preview.grants[0].permissions, ["members.list"]);
    assert_eq!(preview.mail.unwrap().offer.unwrap().inviter_name, "Mira Okafor");
    let seen = for_manager.invitation().create_invitation(look(&["admin"])).await.unwrap().into_inner();
    assert_eq!(seen.preview.unwrap().refusals[0].reason, "ROLE_EXCEEDS_AUTHORITY");
}

#[tokio::test]
async fn the_mail_names_the_person_represented_or_the_community() {
    let admin = admin().await;
    let (place, role, _, key) = represented_place(&admin).await;
    let manager = member(&admin, &place, &place, &["manage_member"]).await;
    let for_manager = key.caller.representing(&manager.name);
    let notifier = admin.caller.service("notifier");
    for (caller, told) in [(&for_manager, manager.name.as_str()), (&key.caller, "")] {
        let name = invite_by(caller, &place, &address("guest"), vec![grant(&place, &[&role])]).await.name;
        let offer = mint(&admin, &name).await.unwrap().offer.unwrap();
        let expected =
            if told.is_empty() { offer.communities[0].display_name.as_str() } else { "Mira Okafor" };
        assert_eq!(offer.inviter_name, expected);
        // He is told what becomes of it; a program is not.
        let request = DescribeInvitationRequest { name };
        let described = notifier.invitation().describe_invitation(request).await.unwrap().into_inner();
        assert_eq!(described.inviter, told);
    }
}

/// Has a program invite one person by a batch and one by an import. Returns the invitation of the batch.
async fn invite_many(program: &Caller, root: &str, grants: Vec<Grant>) -> Invitation {
    let one = CreateInvitationRequest {
        parent: String::new(),
        request_id: String::new(),
        ..offer(root, &address("batch"), grants.clone())
    };
    let batch = BatchCreateInvitationsRequest {
        parent: root.to_owned(),
        requests: vec![one],
        ..BatchCreateInvitationsRequest::default()
    };
    let batched = program.invitation().batch_create_invitations(batch).await.unwrap().into_inner();
    let header =
        ImportHeader { parent: root.to_owned(), grants, notify: Some(false), ..ImportHeader::default() };
    let import = ImportInvitationsRequest {
        header: Some(header),
        emails: address("import"),
        ..ImportInvitationsRequest::default()
    };
    let results = program.invitation().import_invitations(futures::stream::iter([import])).await;
    let progress = results.unwrap().into_inner().message().await.unwrap().unwrap().progress.unwrap();
    assert_eq!((progress.invited, progress.refused), (1, 0));
    batched.invitations.into_iter().next().unwrap()
}

/// Has a program offer something else, and send another invitation again.
async fn take_over(program: &Caller, changed: &str, grants: Vec<Grant>, resent: &str) -> [Invitation; 2] {
    let mut calls = program.invitation();
    let invitation = Invitation { name: changed.to_owned(), grants, ..Invitation::default() };
    let update =
        UpdateInvitationRequest { invitation: Some(invitation), ..UpdateInvitationRequest::default() };
    let updated = calls.update_invitation(update).await.unwrap().into_inner().invitation;
    let resend = ResendInvitationRequest { name: resent.to_owned(), ..ResendInvitationRequest::default() };
    let resent = calls.resend_invitation(resend).await.unwrap().into_inner().invitation;
    [updated.unwrap(), resent.unwrap()]
}

#[tokio::test]
async fn programs_do_with_invitations_all_that_people_do() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (root, inside) = (&tree.root, &tree.inside);
    let role = role(&admin, root, &["members.list"]).await;
    let made = key(&admin, root, &ALL).await;
    let mut calls = made.caller.invitation();
    let watch = WatchInvitationsRequest { parent: root.clone(), ..WatchInvitationsRequest::default() };
    let mut heard = calls.watch_invitations(watch).await.unwrap().into_inner();
    assert!(heard.message().await.unwrap().unwrap().changes.is_empty());

    let grants = |place: usize| vec![grant(&inside[place], &[&role])];
    let batched = invite_many(&made.caller, root, grants(0)).await;
    let theirs = invite(&admin, root, &address("theirs"), grants(0)).await;
    for taken in take_over(&made.caller, &theirs.name, grants(1), &batched.name).await {
        assert_eq!(taken.inviter, made.key.name);
    }
    let list = |inviter: &str| ListInvitationsRequest {
        parent: root.clone(),
        inviter: inviter.to_owned(),
        ..ListInvitationsRequest::default()
    };
    let listed = calls.list_invitations(list(&made.key.name)).await.unwrap().into_inner();
    assert_eq!((listed.total_size, listed.invitations.len()), (3, 3));
    assert_eq!(calls.list_invitations(list(&admin.name)).await.unwrap().into_inner().total_size, 0);
    let revoke = BatchRevokeInvitationsRequest {
        parent: root.clone(),
        inviter: made.key.name.clone(),
        ..BatchRevokeInvitationsRequest::default()
    };
    assert_eq!(calls.batch_revoke_invitations(revoke).await.unwrap().into_inner().revoked.len(), 3);
    let mut revoked_by = Vec::new();
    while revoked_by.len() < 3 {
        let changes = heard.message().await.unwrap().unwrap().changes.into_iter().filter_map(|it| it.change);
        revoked_by.extend(changes.filter(|it| it.fact() == InvitationFact::Revoked).map(|it| it.actor));
    }
    assert_eq!(revoked_by, vec![made.key.name.clone(); 3]);
}

#[tokio::test]
async fn a_person_finds_what_rests_on_him_by_whichever_account() {
    let admin = admin().await;
    let (place, role, account, key) = represented_place(&admin).await;
    let manager = member(&admin, &place, &place, &["manage_member"]).await;
    let grants = || vec![grant(&place, &[&role])];
    let for_manager = key.caller.representing(&manager.name);
    let his = invite_by(&manager.caller, &place, &address("guest"), grants()).await.name;
    let for_him = invite_by(&for_manager, &place, &address("guest"), grants()).await.name;
    let alone = invite_by(&key.caller, &place, &address("guest"), grants()).await.name;
    for (inviter, expected) in [(&manager.name, [&for_him, &his]), (&account, [&alone, &for_him])] {
        let request = ListInvitationsRequest {
            parent: place.clone(),
            inviter: inviter.clone(),
            ..ListInvitationsRequest::default()
        };
        let listed = admin.caller.invitation().list_invitations(request).await.unwrap().into_inner();
        let names: Vec<&String> = listed.invitations.iter().map(|it| &it.name).collect();
        assert_eq!(names, expected, "{inviter}");
    }
}

#[tokio::test]
async fn each_program_has_request_ids_of_its_own_and_so_has_each_person_it_acts_for() {
    let admin = admin().await;
    let (place, role, _, of_account) = represented_place(&admin).await;
    let (ada, ben) = (
        member(&admin, &place, &place, &["manage_member"]).await,
        member(&admin, &place, &place, &["manage_member"]).await,
    );
    let (one, other) = (key(&admin, &place, &INVITING).await, key(&admin, &place, &INVITING).await);
    let request_id = crate::support::request_id();
    let mut names = Vec::new();
    for caller in [
        &one.caller,
        &other.caller,
        &of_account.caller,
        &of_account.caller.representing(&ada.name),
        &of_account.caller.representing(&ben.name),
    ] {
        let request = CreateInvitationRequest {
            request_id: request_id.clone(),
            ..offer(&place, &address("guest"), vec![grant(&place, &[&role])])
        };
        let first = create(caller, request.clone()).await.unwrap();
        assert_eq!(create(caller, request).await.unwrap(), first);
        names.push(first.name);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5);
}

#[tokio::test]
async fn a_program_that_invited_enough_waits_alone() {
    let admin = admin().await;
    let (place, role, account, of_account) = represented_place(&admin).await;
    let manager = member(&admin, &place, &place, &["manage_member"]).await;
    let made = key(&admin, &place, &INVITING).await;
    let ask = |caller: &Caller| {
        let (caller, request) =
            (caller.clone(), offer(&place, &address("guest"), vec![grant(&place, &[&role])]));
        async move { create(&caller, request).await }
    };
    for (inviter, caller) in
        [(&made.key.name, &made.caller), (&account, &of_account.caller.representing(&manager.name))]
    {
        ask(caller).await.unwrap();
        use_up("inviter", inviter, 200_000, 0).await;
        let metadata = refused(ask(caller).await, Code::ResourceExhausted, "INVITER_RATE_LIMITED");
        assert_eq!(metadata["limit"], "INVITER");
    }
    ask(&manager.caller).await.unwrap();
}

#[tokio::test]
async fn a_key_invites_nobody_beside_or_above_its_community() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let role = role(&admin, &tree.root, &["members.list"]).await;
    let inner = key(&admin, &tree.inside[0], &INVITING).await;
    for place in [&tree.root, &tree.inside[1]] {
        let answer =
            create(&inner.caller, offer(&tree.root, &address("guest"), vec![grant(place, &[&role])])).await;
        let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&metadata["resource"], &*metadata["permission"]), (place, "invitations.create"));
    }
    let there = managed(&admin).await;
    let answer =
        create(&inner.caller, offer(&there, &address("guest"), vec![grant(&tree.inside[0], &[&role])])).await;
    refused(answer, Code::InvalidArgument, "COMMUNITY_OUTSIDE_TREE");
    let made =
        invite_by(&inner.caller, &tree.root, &address("guest"), vec![grant(&tree.inside[0], &[&role])]).await;
    assert_eq!(get(&inner.caller, &made.name).await.state(), InvitationState::Pending);
}
