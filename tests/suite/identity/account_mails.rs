//! What tests of mails about accounts share.

use sandbox::{Caller, until};
use tonic::Status;
use usher_api::identity::{RequestPasswordResetRequest, ResetPasswordRequest, ResetPasswordResponse};
use usher_api::notifier::{Delivery, DeliveryState, ListDeliveriesRequest};
use uuid::Uuid;

use super::row;
use crate::support::mail::about;
use crate::support::request_id;
use crate::support::source::Source;

/// Another password that the policy accepts.
pub const OTHER: &str = "thirty geese over the harbour";

/// Asks for a link by which the password of `email` can be reset.
pub async fn forget_password(email: &str) -> Result<(), Status> {
    forget_password_at(&Source::new(), email).await
}

pub async fn forget_password_at(source: &Source, email: &str) -> Result<(), Status> {
    let request = source.request(RequestPasswordResetRequest { email: email.to_owned() });
    source.page.identity().request_password_reset(request).await.map(|_| ())
}

/// Asks for a link and waits for the mail with it.
pub async fn reset_token(email: &str) -> String {
    forget_password(email).await.expect("everybody may ask");
    about(email, "Choose a new password").await.token()
}

pub fn reset_request(token: &str) -> ResetPasswordRequest {
    ResetPasswordRequest {
        token: token.to_owned(),
        new_password: OTHER.to_owned(),
        terms_version: String::new(),
        request_id: request_id(),
    }
}

pub async fn reset(request: ResetPasswordRequest) -> Result<ResetPasswordResponse, Status> {
    Caller::nobody().identity().reset_password(request).await.map(tonic::Response::into_inner)
}

/// The name of the newest mail that was asked for to `email`.
pub async fn mail_to(email: &str) -> String {
    let newest = "SELECT id FROM account_mail WHERE email_canonical = $1 ORDER BY id DESC LIMIT 1";
    let id: Uuid = row(newest, [email.to_lowercase().into()]).await.try_get("", "id").expect("it has an id");
    format!("mails/{id}")
}

/// How many mails of `kind` were asked for to `email`.
pub async fn count(email: &str, kind: &str) -> i64 {
    let sql = "SELECT count(*) FROM account_mail WHERE email_canonical = $1 AND kind = $2";
    let counted = row(sql, [email.to_lowercase().into(), kind.into()]).await;
    counted.try_get_by_index(0).expect("it counts")
}

/// Waits until the mail was not sent, since nobody needs it.
pub async fn skipped(mail: &str) -> Delivery {
    until("the mail is skipped", || async {
        let request = ListDeliveriesRequest { mail: mail.to_owned(), ..ListDeliveriesRequest::default() };
        let alerts = Caller::nobody().service("alerts");
        let answer = alerts.notifier().list_deliveries(request).await.expect("services may").into_inner();
        let delivery = answer.deliveries.into_iter().next();
        delivery.filter(|delivery| delivery.state() == DeliveryState::Skipped)
    })
    .await
}
