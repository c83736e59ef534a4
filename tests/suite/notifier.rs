//! The notifier service, one file for each RPC, and what becomes of the mails and of what webhooks are told.

mod create_suppression;
mod create_webhook;
mod delete_suppression;
mod delete_webhook;
mod delivering;
mod get_delivery;
mod get_webhook;
mod get_webhook_delivery;
mod list_dead_letters;
mod list_deliveries;
mod list_suppressions;
mod list_webhook_deliveries;
mod list_webhooks;
mod redrive_dead_letter;
mod redrive_webhook_delivery;
mod rotate_webhook_secret;
mod telling_webhooks;
mod test_webhook;
mod trying_webhooks;
mod update_webhook;
mod writing;

use sandbox::until;
use usher_api::invitation::{Invitation, ResendInvitationRequest};
use usher_api::notifier::{
    CreateSuppressionRequest, DeadLetter, Delivery, DeliveryKind, DeliveryState, ListDeadLettersRequest,
    ListDeliveriesRequest, ListDeliveriesResponse, ListSuppressionsRequest, Suppression,
};

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

/// Waits until the newest mail to the guest about `invitation` is `state` after so many attempts.
async fn when_delivery(person: &Person, invitation: &str, state: DeliveryState, attempts: i32) -> Delivery {
    until(&format!("the mail is {state:?} after {attempts} attempts"), || async {
        let kinds = [DeliveryKind::Invitation, DeliveryKind::Reminder].map(Into::into).to_vec();
        let to_guest = ListDeliveriesRequest { kinds, ..about(invitation) };
        let newest = list(person, to_guest).await.ok()?.deliveries.into_iter().next()?;
        (newest.state() == state && newest.attempts == attempts).then_some(newest)
    })
    .await
}

/// Has no more mails sent to `email`.
pub async fn suppress(admin: &Person, email: &str) -> Suppression {
    let suppression = Some(Suppression { email: email.to_owned(), ..Suppression::default() });
    let request = CreateSuppressionRequest { suppression, request_id: request_id() };
    let answer = admin.caller.notifier().create_suppression(request).await;
    answer.expect("the address is suppressed").into_inner().suppression.expect("it comes")
}

/// The suppression of `email`, if it is suppressed.
async fn suppression_of(admin: &Person, email: &str) -> Option<Suppression> {
    let request = ListSuppressionsRequest { email: email.to_owned(), ..ListSuppressionsRequest::default() };
    let answer = admin.caller.notifier().list_suppressions(request).await;
    answer.expect("administrators may look").into_inner().suppressions.pop()
}

/// The dead letters of a mail that nobody had tried again.
async fn dead_letters(admin: &Person, delivery: &str) -> Vec<DeadLetter> {
    let request =
        ListDeadLettersRequest { delivery: delivery.to_owned(), ..ListDeadLettersRequest::default() };
    let answer = admin.caller.notifier().list_dead_letters(request).await;
    answer.expect("administrators may look").into_inner().dead_letters
}
