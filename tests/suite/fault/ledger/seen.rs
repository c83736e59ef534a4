//! What is seen from outside, page by page.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;
use usher_api::community::ListMembersRequest;
use usher_api::invitation::{
    DeliveryState, Invitation, InvitationChange, ListInvitationsRequest, WatchInvitationsRequest,
};
use usher_api::notifier::{Delivery, DeliveryKind, DeliveryState as MailState, ListDeliveriesRequest};

use super::{Ledger, Promise, insist};

/// The most that a page holds.
const PAGE: i32 = 200;

impl Ledger {
    /// Whether the mail of each invitation has come to an end, as its inviter sees it.
    pub(super) async fn all_are_told_of(&self) -> bool {
        let request = ListInvitationsRequest {
            parent: self.community.clone(),
            delivery_states: vec![DeliveryState::Queued.into(), DeliveryState::Deferred.into()],
            page_size: 1,
            ..ListInvitationsRequest::default()
        };
        let list = async || self.admin().await.caller.invitation().list_invitations(request.clone()).await;
        insist(list).await.into_inner().invitations.is_empty()
    }

    /// Whether no mail waits or is being sent.
    pub(super) async fn nothing_is_under_way(&self) -> bool {
        let states = [MailState::Queued, MailState::Sending, MailState::Deferred];
        let states = states.map(Into::into).to_vec();
        let request = ListDeliveriesRequest { states, page_size: 1, ..ListDeliveriesRequest::default() };
        let alerts = self.admin().await.caller.service("alerts");
        let list = async || alerts.notifier().list_deliveries(request.clone()).await;
        insist(list).await.into_inner().deliveries.is_empty()
    }

    /// All invitations, by name.
    pub(super) async fn invitations(&self) -> BTreeMap<String, Invitation> {
        let (mut all, mut page_token) = (BTreeMap::new(), String::new());
        loop {
            let request = ListInvitationsRequest {
                parent: self.community.clone(),
                page_size: PAGE,
                page_token,
                ..ListInvitationsRequest::default()
            };
            let list =
                async || self.admin().await.caller.invitation().list_invitations(request.clone()).await;
            let page = insist(list).await.into_inner();
            all.extend(page.invitations.into_iter().map(|it| (it.name.clone(), it)));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    /// All mails of a kind, by the invitation that they are about.
    pub(super) async fn deliveries(&self, kind: DeliveryKind) -> BTreeMap<String, Vec<Delivery>> {
        let alerts = self.admin().await.caller.service("alerts");
        let mut all: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
        let mut page_token = String::new();
        loop {
            let request = ListDeliveriesRequest {
                kinds: vec![kind.into()],
                page_size: PAGE,
                page_token,
                ..ListDeliveriesRequest::default()
            };
            let list = async || alerts.notifier().list_deliveries(request.clone()).await;
            let page = insist(list).await.into_inner();
            for delivery in page.deliveries {
                all.entry(delivery.invitation.clone()).or_default().push(delivery);
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    /// The members, each as often as he is listed.
    pub(super) async fn members(&self) -> Vec<String> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListMembersRequest {
                parent: self.community.clone(),
                page_size: PAGE,
                page_token,
                ..ListMembersRequest::default()
            };
            let list = async || self.admin().await.caller.community().list_members(request.clone()).await;
            let page = insist(list).await.into_inner();
            all.extend(page.members.into_iter().map(|member| member.user));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    /// What happened to each invitation, in its order, up to where each stands as it was answered.
    ///
    /// # Panics
    /// If that is not told within a minute.
    pub(super) async fn histories(&self, promises: &[Promise]) -> BTreeMap<String, Vec<InvitationChange>> {
        let request = WatchInvitationsRequest {
            parent: self.community.clone(),
            resume_token: self.resume_token.clone(),
            ..WatchInvitationsRequest::default()
        };
        let watch = self.admin().await.caller.invitation().watch_invitations(request).await;
        let mut watch = watch.expect("the administrator may watch").into_inner();
        let mut histories: BTreeMap<String, Vec<InvitationChange>> = BTreeMap::new();
        let ends = |promise: &Promise, history: &[InvitationChange]| {
            history.iter().any(|change| change.fact() == promise.last_fact())
        };
        while !promises.iter().all(|it| histories.get(&it.name).is_some_and(|history| ends(it, history))) {
            let message = timeout(Duration::from_mins(1), watch.message()).await;
            let message = message.expect("it is told in time").expect("the stream goes on");
            for told in message.expect("a message comes").changes {
                let name = told.invitation.expect("it comes").name;
                histories.entry(name).or_default().extend(told.change);
            }
        }
        histories
    }
}
