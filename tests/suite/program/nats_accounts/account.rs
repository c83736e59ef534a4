//! A service's account on NATS, and what the server refuses it.

use std::collections::BTreeSet;

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use sandbox::{Service, nats};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// What nobody may write or hear: the server has judged all that was asked before when it refuses this.
const END: &str = "the.end";

/// A connection with the account of a service.
pub struct Account {
    client: Client,
    refusals: UnboundedReceiver<String>,
}

impl Account {
    /// The account of `service` on the server that an operator reaches by the URL `operator`.
    pub async fn of(service: Service, operator: &str) -> Self {
        let server: ServerAddr = nats::url_for(service, operator).parse().unwrap();
        let (user, password) = (server.username().unwrap().to_owned(), server.password().unwrap().to_owned());
        let (sender, refusals) = unbounded_channel();
        let options = ConnectOptions::with_user_and_password(user, password).event_callback(move |event| {
            if let Event::ServerError(error) = event {
                // Nobody waits for it any more when the account has gone.
                let _ = sender.send(error.to_string());
            }
            std::future::ready(())
        });
        Self { client: options.connect(server).await.unwrap(), refusals }
    }

    /// Which of `subjects` it may not write to.
    pub async fn may_not_write(&mut self, subjects: &BTreeSet<String>) -> BTreeSet<String> {
        for subject in subjects.iter().map(String::as_str).chain([END]) {
            // Those that are allowed change nothing with this.
            self.client.publish(subject.to_owned(), "{}".into()).await.unwrap();
        }
        self.refused("Publish").await
    }

    /// Which of `subjects` it may not hear.
    pub async fn may_not_hear(&mut self, subjects: &BTreeSet<String>) -> BTreeSet<String> {
        let mut heard = Vec::new();
        for subject in subjects.iter().map(String::as_str).chain([END]) {
            heard.push(self.client.subscribe(subject.to_owned()).await.unwrap());
        }
        self.refused("Subscription").await
    }

    /// The subjects that were refused.
    async fn refused(&mut self, what: &str) -> BTreeSet<String> {
        let mut refused = BTreeSet::new();
        loop {
            let refusal = self.refusals.recv().await.unwrap();
            assert!(refusal.contains(&format!("Permissions Violation for {what}")), "{refusal}");
            match refusal.split('"').nth(1) {
                Some(END) | None => return refused,
                Some(subject) => refused.insert(subject.to_owned()),
            };
        }
    }
}
