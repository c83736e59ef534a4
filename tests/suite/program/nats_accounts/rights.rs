//! Who may write and hear what on NATS.

use std::collections::{BTreeMap, BTreeSet};

use sandbox::Service;

/// The consumers of each service, and whose events they take.
pub const CONSUMERS: [(Service, &str, Service); 9] = [
    (Service::Identity, "identity-communities", Service::Community),
    (Service::Community, "community-people", Service::Identity),
    (Service::Community, "community-offers", Service::Invitation),
    (Service::Invitation, "invitation", Service::Notifier),
    (Service::Invitation, "invitation-members", Service::Community),
    (Service::Notifier, "notifier", Service::Invitation),
    (Service::Notifier, "notifier-accounts", Service::Identity),
    (Service::Notifier, "notifier-webhooks-community", Service::Community),
    (Service::Notifier, "notifier-webhooks-invitation", Service::Invitation),
];

/// What is asked of the stream by all: each makes and mends it, and looks how far everybody is with it.
const EVERYBODYS: [&str; 4] = [
    "$JS.API.STREAM.INFO.USHER",
    "$JS.API.STREAM.CREATE.USHER",
    "$JS.API.STREAM.UPDATE.USHER",
    "$JS.API.CONSUMER.LIST.USHER",
];

/// What is asked by nobody: to lose the stream, to read it, and to take from it in a way of one's own.
const NOBODYS: [&str; 16] = [
    "$JS.API.INFO",
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.CREATE.OTHER",
    "$JS.API.STREAM.PURGE.USHER",
    "$JS.API.STREAM.DELETE.USHER",
    "$JS.API.STREAM.SNAPSHOT.USHER",
    "$JS.API.STREAM.RESTORE.USHER",
    "$JS.API.STREAM.MSG.GET.USHER",
    "$JS.API.STREAM.MSG.DELETE.USHER",
    "$JS.API.DIRECT.GET.USHER",
    "$JS.API.CONSUMER.CREATE.USHER",
    "$JS.API.CONSUMER.CREATE.USHER.spy",
    "$JS.API.CONSUMER.CREATE.USHER.spy.usher.>",
    "$JS.API.CONSUMER.DURABLE.CREATE.USHER.spy",
    "$SYS.REQ.SERVER.PING",
    "usher.nobody",
];

/// Where nobody listens, since he would hear what others are told.
const UNHEARD: [&str; 8] =
    [">", "*.>", "_INBOX.>", "_INBOX.*.>", "usher.>", "$JS.>", "$JS.EVENT.>", "$SYS.>"];

/// Subjects, and who may use each.
pub type Rights = BTreeMap<String, Vec<Service>>;

/// Who may write what.
pub fn writing() -> Rights {
    let nobodys = NOBODYS.map(|subject| (subject.to_owned(), Vec::new()));
    let everybodys = EVERYBODYS.map(|subject| (subject.to_owned(), Service::ALL.to_vec()));
    let events = Service::ALL.map(|service| (format!("usher.{}.tried", service.name()), vec![service]));
    let consumers = CONSUMERS.into_iter().flat_map(|(owner, consumer, publisher)| {
        let request = |name: &str| format!("$JS.API.CONSUMER.{name}.USHER.{consumer}");
        [
            (format!("{}.usher.{}.>", request("CREATE"), publisher.name()), vec![owner]),
            (request("MSG.NEXT"), vec![owner]),
            (format!("$JS.ACK.USHER.{consumer}.1.1.1.1.0"), vec![owner]),
            // Those would make it take the events of all, or be made anew.
            (format!("{}.usher.>", request("CREATE")), Vec::new()),
            (request("CREATE"), Vec::new()),
            (request("DURABLE.CREATE"), Vec::new()),
            (request("DELETE"), Vec::new()),
        ]
    });
    nobodys.into_iter().chain(everybodys).chain(events).chain(consumers).collect()
}

/// Who may hear what.
pub fn hearing() -> Rights {
    let nobodys = UNHEARD.map(|subject| (subject.to_owned(), Vec::new()));
    let inboxes = Service::ALL.map(|service| (format!("_INBOX.{}.>", service.name()), vec![service]));
    nobodys.into_iter().chain(inboxes).collect()
}

/// All subjects, and those that are not for `service`.
pub fn split(rights: &Rights, service: Service) -> (BTreeSet<String>, BTreeSet<String>) {
    let others = rights.iter().filter(|(_, who)| !who.contains(&service));
    (rights.keys().cloned().collect(), others.map(|(subject, _)| subject.clone()).collect())
}
