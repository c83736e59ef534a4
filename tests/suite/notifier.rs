//! The notifier service, one file for each RPC, and what becomes of the mails themselves.

mod delivering;
mod list_deliveries;

use sandbox::until;
use usher_api::invitation::{Invitation, ResendInvitationRequest};
use usher_api::notifier::{Delivery, DeliveryState, ListDeliveriesRequest, ListDeliveriesResponse};

use crate::support::people::Person;
use crate::support::request_id;
use crate::support::tree::{grant, offer};

/// Invites `email` into `community` by mail.
async fn invite_by_mail(inviter: &Person, community: &str, email: &str) -> Invitation {
    let mut request = offer(community, email, vec![grant(community, &["guest"])]);
    request.notify = None;
    let answer = inviter.caller.invitation().create_invitation(request).await;
    answer.expect("the invitation is made").into_inner().invitation.expect("it comes")
}

/// Asks for another mail.
async fn resend(inviter: &Person, invitation: &str) {
    let name = invitation.to_owned();
    let request = ResendInvitationRequest { name, request_id: request_id(), ..Default::default() };
    inviter.caller.invitation().resend_invitation(request).await.expect("it is sent again");
}

/// Deliveries, as another service sees them.
async fn list(
    person: &Person,
    request: ListDeliveriesRequest,
) -> Result<ListDeliveriesResponse, tonic::Status> {
    let mut client = person.caller.service("alerts").notifier();
    client.list_deliveries(request).await.map(tonic::Response::into_inner)
}

fn about(invitation: &str) -> ListDeliveriesRequest {
    ListDeliveriesRequest { invitation: invitation.to_owned(), ..ListDeliveriesRequest::default() }
}

/// Waits until the newest mail about `invitation` is `state` after so many attempts.
async fn when_delivery(person: &Person, invitation: &str, state: DeliveryState, attempts: i32) -> Delivery {
    until(&format!("the mail is {state:?} after {attempts} attempts"), || async {
        let newest = list(person, about(invitation)).await.ok()?.deliveries.into_iter().next()?;
        (newest.state() == state && newest.attempts == attempts).then_some(newest)
    })
    .await
}
