//! Invitations that end with a program: with its API key, with the service account, or with all that a community gave the account.

use prost::Message as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use usher_api::community::{ApiKeyEvent, ServiceAccountEvent, ServiceAccountState};
use usher_api::name::{CommunityName, PrincipalName};
use usher_runtime::{Event, Failure};

use super::{Pages, offering, revoke};
use crate::Invitation;
use crate::entity::invitation::{Column, RevokeReason};
use crate::error::Error;
use crate::inviter::rest_on;

/// The key was revoked. Those of service accounts are no inviters: the account is, and has others.
pub(super) async fn note_key(service: &Invitation, event: &Event) -> Result<(), Error> {
    let news = ApiKeyEvent::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    match news.api_key.parse::<PrincipalName>() {
        Ok(key) => end(service, event, rest_on(key)).await,
        Err(_) => Ok(()),
    }
}

/// The account was disabled or deleted, or a community took back all that it had given.
pub(super) async fn note_account(service: &Invitation, event: &Event) -> Result<(), Error> {
    let news = ServiceAccountEvent::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    let account: PrincipalName = news.service_account.parse().map_err(Failure::internal)?;
    let own = rest_on(account);
    if event.kind == "serviceAccount.deleted" || news.state() == ServiceAccountState::Disabled {
        return end(service, event, own).await;
    }
    if news.left_community.is_empty() {
        return Ok(());
    }
    let left: CommunityName = news.left_community.parse().map_err(Failure::internal)?;
    let root: CommunityName = news.root.parse().map_err(Failure::internal)?;
    let mut concerned = own.add(Column::RootId.eq(root.0));
    // What is given at the top counts in all that is inside.
    if left != root {
        concerned = concerned.add(Column::Id.in_subquery(offering(left)));
    }
    end(service, event, concerned).await
}

async fn end(service: &Invitation, event: &Event, concerned: Condition) -> Result<(), Error> {
    let mut pages = Pages::new(concerned, event);
    while let Some(rows) = pages.next(service).await? {
        for row in rows {
            revoke(service, row, RevokeReason::InviterEnded).await?;
        }
    }
    Ok(())
}
