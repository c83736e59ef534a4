use std::collections::BTreeMap;
use std::time::Duration;

use tonic::{Code, Status, Streaming};
use usher_api::invitation::{
    DeclineInvitationRequest, GetInvitationRequest, InvitationFact, InvitationState, UpdateInvitationRequest,
    WatchInvitationsRequest, WatchInvitationsResponse, WatchedChange,
};
use usher_api::invitation::{Invitation, RevokeInvitationRequest};

use crate::support::acts::suspend_member;
use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{accept, grant, invite, managed, member, mssp, token};

/// Far longer than a change takes to be told.
const PATIENCE: Duration = Duration::from_secs(30);

fn request(root: &str) -> WatchInvitationsRequest {
    WatchInvitationsRequest { parent: root.to_owned(), ..WatchInvitationsRequest::default() }
}

/// A stream, and how far it was heard.
struct Heard {
    stream: Streaming<WatchInvitationsResponse>,
    resume_token: String,
}

impl Heard {
    /// Begins to watch and hears the first message, after which nothing is missed.
    async fn begin(
        person: &Person,
        request: WatchInvitationsRequest,
    ) -> Result<(Self, Vec<WatchedChange>), Status> {
        let stream = person.caller.invitation().watch_invitations(request).await?.into_inner();
        let mut heard = Self { stream, resume_token: String::new() };
        let changes = heard.message().await?;
        Ok((heard, changes))
    }

    async fn message(&mut self) -> Result<Vec<WatchedChange>, Status> {
        let message = tokio::time::timeout(PATIENCE, self.stream.message()).await.expect("a message comes");
        let message = message?.expect("the stream goes on");
        self.resume_token = message.resume_token;
        Ok(message.changes)
    }

    /// Hears until there are `count` changes.
    async fn changes(&mut self, count: usize) -> Vec<WatchedChange> {
        let mut changes = Vec::new();
        while changes.len() < count {
            changes.extend(self.message().await.expect("the stream goes on"));
        }
        changes
    }
}

/// Which invitation and what happened to it, of each.
fn facts(changes: &[WatchedChange]) -> Vec<(String, InvitationFact)> {
    let fact = |it: &WatchedChange| {
        let name = it.invitation.as_ref().expect("it comes").name.clone();
        (name, it.change.as_ref().expect("it comes").fact())
    };
    changes.iter().map(fact).collect()
}

async fn invite_somebody(inviter: &Person, root: &str, community: &str) -> Invitation {
    invite(inviter, root, &address("guest"), vec![grant(community, &["guest"])]).await
}

async fn revoke(person: &Person, name: &str) {
    let request = RevokeInvitationRequest { name: name.to_owned(), ..RevokeInvitationRequest::default() };
    person.caller.invitation().revoke_invitation(request).await.expect("it is revoked");
}

#[tokio::test]
async fn tells_all_that_happens_with_who_did_it() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let earlier = invite_somebody(&admin, &community, &community).await;
    let (mut heard, first) = Heard::begin(&admin, request(&community)).await.unwrap();
    assert_eq!(first, []);

    revoke(&admin, &earlier.name).await;
    let invitation = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await;
    let renamed =
        Invitation { name: invitation.name.clone(), display_name: "Ola".to_owned(), ..Invitation::default() };
    let update = UpdateInvitationRequest { invitation: Some(renamed), ..UpdateInvitationRequest::default() };
    admin.caller.invitation().update_invitation(update).await.unwrap();
    accept(&guest, &token(&admin, &invitation.name).await).await.unwrap();

    let changes = heard.changes(4).await;
    let expected = [
        (earlier.name.clone(), InvitationFact::Revoked),
        (invitation.name.clone(), InvitationFact::Created),
        (invitation.name.clone(), InvitationFact::Updated),
        (invitation.name.clone(), InvitationFact::Accepted),
    ];
    assert_eq!(facts(&changes), expected);
    let change = |place: usize| changes[place].change.clone().unwrap();
    assert_eq!((change(0).version, change(0).state()), (2, InvitationState::Revoked));
    assert_eq!(change(0).actor, admin.name);
    assert_eq!((change(3).version, change(3).actor), (3, guest.name.clone()));
    assert_eq!(changes[3].invitation.as_ref().unwrap().state(), InvitationState::Accepted);

    let get = GetInvitationRequest { name: invitation.name };
    let seen = admin.caller.invitation().get_invitation(get).await.unwrap().into_inner();
    assert_eq!(seen.timeline, [change(1), change(2), change(3)]);
}

#[tokio::test]
async fn a_broken_stream_goes_on_without_a_gap_and_without_a_repetition() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let (heard, _) = Heard::begin(&admin, request(&community)).await.unwrap();
    let mut resume_token = heard.resume_token.clone();
    drop(heard);
    let (mut told, mut made) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        for _ in 0..2 {
            made.push(invite_somebody(&admin, &community, &community).await.name);
        }
        let from = WatchInvitationsRequest { resume_token: resume_token.clone(), ..request(&community) };
        let (mut heard, mut changes) = Heard::begin(&admin, from.clone()).await.unwrap();
        changes.extend(heard.changes(2 - changes.len()).await);
        // Whoever did not hear a message gets it again.
        let (mut again, mut repeated) = Heard::begin(&admin, from).await.unwrap();
        repeated.extend(again.changes(2 - repeated.len()).await);
        assert_eq!(changes, repeated);
        told.extend(facts(&changes));
        resume_token = heard.resume_token;
    }
    let expected: Vec<_> = made.into_iter().map(|name| (name, InvitationFact::Created)).collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn what_was_heard_from_one_replica_goes_on_at_the_other() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let (mut heard, _) = Heard::begin(&admin, request(&community)).await.unwrap();
    for replica in [1, 0, 1] {
        let here = Person { caller: admin.caller.at_replica(replica), ..admin.clone() };
        let from =
            WatchInvitationsRequest { resume_token: heard.resume_token.clone(), ..request(&community) };
        drop(heard);
        // Written at the one while nobody watches, and at the other while somebody does.
        let missed = invite_somebody(&here, &community, &community).await.name;
        let (resumed, mut changes) = Heard::begin(&here, from).await.unwrap();
        heard = resumed;
        let there = Person { caller: admin.caller.at_replica(1 - replica), ..admin.clone() };
        let seen = invite_somebody(&there, &community, &community).await.name;
        changes.extend(heard.changes(2 - changes.len()).await);
        let expected = [missed, seen].map(|name| (name, InvitationFact::Created));
        assert_eq!(facts(&changes), expected);
    }
}

#[tokio::test]
async fn nothing_is_passed_over_however_many_write_and_watch_at_once() {
    const WRITERS: usize = 8;
    const EACH: usize = 5;
    let admin = admin().await;
    let community = managed(&admin).await;
    let mut watchers = Vec::new();
    for _ in 0..3 {
        let (mut heard, _) = Heard::begin(&admin, request(&community)).await.unwrap();
        watchers.push(tokio::spawn(async move { heard.changes(WRITERS * EACH * 2).await }));
    }
    let writers = (0..WRITERS).map(|_| async {
        for _ in 0..EACH {
            let name = invite_somebody(&admin, &community, &community).await.name;
            revoke(&admin, &name).await;
        }
    });
    futures::future::join_all(writers).await;
    let mut orders = Vec::new();
    for watcher in watchers {
        let changes = watcher.await.unwrap();
        let mut versions: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for it in &changes {
            let version = it.change.as_ref().unwrap().version;
            versions.entry(it.invitation.as_ref().unwrap().name.clone()).or_default().push(version);
        }
        assert_eq!(versions.len(), WRITERS * EACH);
        assert!(versions.values().all(|versions| *versions == [1, 2]), "{versions:?}");
        orders.push(facts(&changes));
    }
    assert!(orders.iter().all(|order| *order == orders[0]), "all hear the same order");
}

#[tokio::test]
async fn whoever_watches_one_community_hears_of_that_one() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (one, two) = (&tree.inside[0], &tree.inside[1]);
    let reader = member(&admin, &tree.root, one, &["guest"]).await;
    refused(
        Heard::begin(&reader, request(&tree.root)).await.map(|_| ()),
        Code::PermissionDenied,
        "PERMISSION_DENIED",
    );
    let inside = |place: &str| WatchInvitationsRequest { community: place.to_owned(), ..request(&tree.root) };
    refused(
        Heard::begin(&reader, inside(two)).await.map(|_| ()),
        Code::PermissionDenied,
        "PERMISSION_DENIED",
    );
    let (mut heard, _) = Heard::begin(&reader, inside(one)).await.unwrap();
    invite_somebody(&admin, &tree.root, two).await;
    let both = vec![grant(one, &["guest"]), grant(two, &["guest"])];
    let shared = invite(&admin, &tree.root, &address("guest"), both).await.name;
    let changes = heard.changes(1).await;
    let invitation = changes[0].invitation.clone().unwrap();
    assert_eq!((changes.len(), &invitation.name), (1, &shared));
    assert_eq!(invitation.grants.iter().map(|it| &it.community).collect::<Vec<_>>(), [one]);

    let resume_token = heard.resume_token;
    let elsewhere = WatchInvitationsRequest { resume_token: resume_token.clone(), ..request(&tree.root) };
    let stolen = Heard::begin(&admin, elsewhere).await.map(|_| ());
    refused(stolen, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn a_stream_ends_with_the_authority() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let reader = member(&admin, &community, &community, &["guest"]).await;
    let (mut heard, _) = Heard::begin(&reader, request(&community)).await.unwrap();
    suspend_member(&admin, &community, &reader.name).await;
    let ended = loop {
        if let Err(status) = heard.message().await {
            break status;
        }
    };
    refused(Err::<(), _>(ended), Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn what_strangers_to_accounts_do_has_no_actor() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let (mut heard, _) = Heard::begin(&admin, request(&community)).await.unwrap();
    let invitation = invite_somebody(&admin, &community, &community).await;
    let token = token(&admin, &invitation.name).await;
    let decline = DeclineInvitationRequest { token, ..DeclineInvitationRequest::default() };
    sandbox::Caller::nobody().invitation().decline_invitation(decline).await.unwrap();
    let changes = heard.changes(2).await;
    assert_eq!(facts(&changes)[1], (invitation.name, InvitationFact::Declined));
    assert_eq!(changes[1].change.as_ref().unwrap().actor, "");
}

#[tokio::test]
async fn names_and_tokens_must_be_well_formed() {
    let admin = admin().await;
    let bad = WatchInvitationsRequest { community: "y".to_owned(), ..request("x") };
    refused_fields(Heard::begin(&admin, bad).await.map(|_| ()), &["parent", "community"]);
    let forged =
        WatchInvitationsRequest { resume_token: "forged".to_owned(), ..request(&managed(&admin).await) };
    let answer = Heard::begin(&admin, forged).await.map(|_| ());
    refused(answer, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}
