use sandbox::{Caller, Service, Topology, until};
use tonic::Code;
use usher_api::invitation::{GetInvitationRequest, InvitationState};

use super::{options, start};
use crate::support::address;
use crate::support::people::{Person, admin_of};
use crate::support::refusal::refused;
use crate::support::tree::{accept, allowed, grant, invite, managed, token};

#[tokio::test]
async fn an_acceptance_that_a_crash_interrupts_is_completed_after_the_restart() {
    let mut suite = start(&options(Topology::Apart)).await;
    let admin = admin_of(&suite.description).await;
    let guest = Person::with_email(&Caller::nobody_at(&suite.description), &address("guest")).await;
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await;
    let token = token(&admin, &invitation.name).await;

    // Without the community service the acceptance stops between its claim and the memberships; then everything dies.
    suite.processes.get_mut(&Service::Community).unwrap()[0].crash();
    let metadata = refused(accept(&guest, &token).await, Code::Unavailable, "DEPENDENCY_UNAVAILABLE");
    assert_eq!(metadata["dependency"], "community");
    suite.processes.get_mut(&Service::Invitation).unwrap()[0].crash();
    for service in [Service::Community, Service::Invitation] {
        let again = suite.process(service, 0).unwrap();
        suite.processes.insert(service, vec![again]);
    }
    suite.ready().await;

    until("the sweeper completes the acceptance", || async {
        let request = GetInvitationRequest { name: invitation.name.clone() };
        let seen = admin.caller.invitation().get_invitation(request).await.ok()?.into_inner().invitation?;
        (seen.state() == InvitationState::Accepted).then_some(())
    })
    .await;
    assert!(allowed(&guest, &community, "communities.get").await);
    accept(&guest, &token).await.expect("repeating the call gets the success that it was owed");
}
