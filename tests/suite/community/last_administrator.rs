//! Two administrators go for each other, or go, at the same moment. Whatever they do, one of them stays.

use futures::future::join_all;
use tonic::{Code, Status};
use usher_api::community::{
    CommunityKind, DeleteMemberRequest, LeaveCommunityRequest, ListMembersRequest, Member, MemberState,
    SuspendMemberRequest, UpdateMemberRequest,
};

use super::{enrol, given};
use crate::support::acts::member_name;
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::tree::{community, grant};

const ROUNDS: usize = 200;
/// How many rounds go on at the same time, each in a community of its own.
const AT_ONCE: usize = 5;

/// What one of the two does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Remove,
    Demote,
    Suspend,
    Leave,
}

const ACTS: [Act; 4] = [Act::Remove, Act::Demote, Act::Suspend, Act::Leave];

impl Act {
    /// Does it to `other`, or, in the case of leaving, to himself.
    async fn perform(self, actor: &Person, community: &str, other: &str) -> Result<(), Status> {
        let (name, mut client) = (member_name(community, other), actor.caller.community());
        match self {
            Self::Remove => {
                let request = DeleteMemberRequest { name, ..DeleteMemberRequest::default() };
                client.delete_member(request).await.map(drop)
            }
            Self::Demote => {
                let member = Some(Member { name, roles: given(&["guest"]), ..Member::default() });
                let request = UpdateMemberRequest { member, ..UpdateMemberRequest::default() };
                client.update_member(request).await.map(drop)
            }
            Self::Suspend => {
                let request = SuspendMemberRequest { name, ..SuspendMemberRequest::default() };
                client.suspend_member(request).await.map(drop)
            }
            Self::Leave => {
                let name = community.to_owned();
                let request = LeaveCommunityRequest { name, ..LeaveCommunityRequest::default() };
                client.leave_community(request).await.map(drop)
            }
        }
    }

    /// What he is told if the other one was faster with `won`. `None` if he may still do it: who is suspended or a guest by now
    /// leaves all the same.
    fn refusal_after(self, won: Self) -> Option<(Code, &'static str)> {
        match (won, self) {
            (Self::Leave, Self::Leave) => Some((Code::FailedPrecondition, "LAST_ADMINISTRATOR")),
            (Self::Leave, _) | (Self::Remove, Self::Leave) => Some((Code::NotFound, "MEMBER_NOT_FOUND")),
            (Self::Demote | Self::Suspend, Self::Leave) => None,
            _ => Some((Code::PermissionDenied, "PERMISSION_DENIED")),
        }
    }
}

/// The active administrators, as everybody in the community sees them.
async fn administrators(admin: &Person, community: &str) -> Vec<String> {
    let request = ListMembersRequest {
        parent: community.to_owned(),
        states: vec![MemberState::Active.into()],
        role: "admin".to_owned(),
        ..ListMembersRequest::default()
    };
    let answer = admin.caller.service("alerts").community().list_members(request).await;
    answer.expect("the list comes").into_inner().members.into_iter().map(|member| member.user).collect()
}

/// Lets both act at the same moment in a new community that nobody else administers.
async fn fight(admin: &Person, kind: CommunityKind, fighters: [(&Person, Act); 2]) {
    let [(one, act), (other, counter)] = fighters;
    let place = community(admin, kind, "").await;
    for fighter in [one, other] {
        enrol(admin, &place, &fighter.name, vec![grant(&place, &["admin"])]).await;
    }
    Act::Leave.perform(admin, &place, &admin.name).await.expect("two others are there");

    let answers =
        tokio::join!(act.perform(one, &place, &other.name), counter.perform(other, &place, &one.name));
    match answers {
        (Ok(()), Ok(())) => assert!(
            act.refusal_after(counter).is_none() || counter.refusal_after(act).is_none(),
            "{act:?} and {counter:?} cannot both happen"
        ),
        (Ok(()), lost) => refused_after(lost, counter, act),
        (lost, Ok(())) => refused_after(lost, act, counter),
        (Err(one), Err(other)) => panic!("{act:?} and {counter:?} are both refused: {one:?} {other:?}"),
    }
    let left = administrators(admin, &place).await;
    let [left] = left.as_slice() else { panic!("after {act:?} and {counter:?} there are {left:?}") };
    let survivor = if *left == one.name { one } else { other };
    let answer = Act::Leave.perform(survivor, &place, "").await;
    let metadata = refused(answer, Code::FailedPrecondition, "LAST_ADMINISTRATOR");
    assert_eq!(metadata["community"], place);
}

#[track_caller]
fn refused_after(answer: Result<(), Status>, lost: Act, won: Act) {
    let (code, reason) =
        lost.refusal_after(won).unwrap_or_else(|| panic!("{lost:?} is possible after {won:?}"));
    refused(answer, code, reason);
}

#[tokio::test]
async fn of_two_who_act_at_once_one_wins_and_an_administrator_stays() {
    let admin = admin().await;
    let one = Person::new("one").await;
    let other = Person::new("other").await;
    let other = Person { caller: other.caller.at_replica(1), ..other };
    for batch in 0..ROUNDS / AT_ONCE {
        let rounds = (0..AT_ONCE).map(|number| {
            let round = batch * AT_ONCE + number;
            // All pairs in a managed community, then all in an MSSP community, and so on.
            let kind =
                if (round / 16).is_multiple_of(2) { CommunityKind::Managed } else { CommunityKind::Mssp };
            fight(&admin, kind, [(&one, ACTS[round % 4]), (&other, ACTS[round / 4 % 4])])
        });
        join_all(rounds).await;
    }
}
