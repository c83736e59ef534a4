use tonic::Code;
use usher_api::community::{Recipient, ReleaseSeatsRequest, SeatReservation};
use uuid::Uuid;

use super::invitation_service;
use crate::support::address;
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::managed;

/// Somebody to whom an invitation under `root` is about to be written.
pub fn recipient(root: &str) -> Recipient {
    Recipient {
        email: address("guest"),
        invitation: format!("{root}/invitations/{}", Uuid::new_v4()),
        ..Recipient::default()
    }
}

fn reservation(invitation: &str) -> SeatReservation {
    SeatReservation { invitation: invitation.to_owned(), invitation_version: 0 }
}

/// Gives the seats of an invitation back.
pub async fn release(recipient: &Recipient) {
    let request = ReleaseSeatsRequest { reservations: vec![reservation(&recipient.invitation)] };
    invitation_service().community().release_seats(request).await.expect("the seats are given back");
}

#[tokio::test]
async fn nothing_happens_where_no_seat_is_kept() {
    let place = managed(&admin().await).await;
    let somebody = recipient(&place);
    release(&somebody).await;
    release(&somebody).await;
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let place = managed(&admin().await).await;
    let ask = |reservations| async move {
        invitation_service().community().release_seats(ReleaseSeatsRequest { reservations }).await
    };
    refused_fields(ask(Vec::new()).await, &["reservations"]);
    let names = vec![reservation(&recipient(&place).invitation), reservation("x"), reservation("")];
    let fields = ["reservations[1].invitation", "reservations[2].invitation"];
    refused_fields(ask(names).await, &fields);
    let many = vec![reservation(&recipient(&place).invitation); 201];
    refused_fields(ask(many).await, &["reservations"]);
}

#[tokio::test]
async fn only_the_invitation_service_gives_seats_back() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let request = ReleaseSeatsRequest { reservations: vec![reservation(&recipient(&place).invitation)] };
    let answer = admin.caller.community().release_seats(request.clone()).await;
    refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    let answer = admin.caller.service("alerts").community().release_seats(request).await;
    refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}
