//! The notifier dies while it tells webhooks, and has replicas that do the same. Endpoints are told everything, and know what they
//! were told before.

use std::collections::BTreeMap;

use sandbox::smtp::Identity;
use sandbox::{Description, Service, Suite, Topology, until};
use sea_orm::{ConnectionTrait as _, Statement};
use usher_api::notifier::WebhookDeliveryState;

use super::{new_folder, options, start};
use crate::support::endpoint::{Answer, Endpoint};
use crate::support::people::{Person, admin_of};
use crate::support::refusal::refused_fields;
use crate::support::tree::managed;
use crate::support::webhooks::{deliveries, get_delivery, test_webhook, webhook, webhook_request, when};

async fn execute(suite: &Description, sql: &str) {
    let database = sea_orm::Database::connect(&suite.databases[&Service::Notifier]).await.unwrap();
    let statement = Statement::from_string(database.get_database_backend(), sql);
    database.execute_raw(statement).await.unwrap();
}

/// Kills the notifier, does what is to be done meanwhile, and starts it again.
async fn restart(suite: &mut Suite, meanwhile: impl AsyncFnOnce(&Suite)) {
    suite.processes.get_mut(&Service::Notifier).unwrap()[0].crash();
    meanwhile(suite).await;
    let again = suite.process(Service::Notifier, 0).unwrap();
    suite.processes.insert(Service::Notifier, vec![again]);
    suite.ready().await;
}

/// A community with a webhook that is told nothing but tests.
async fn listened_to(admin: &Person, url: &str) -> String {
    let community = managed(admin).await;
    webhook(admin, &community, url, &["settings.*"]).await.0.name
}

#[tokio::test]
async fn what_was_told_before_a_crash_is_told_again_under_the_same_id() {
    let mut suite = start(&options(Topology::Apart)).await;
    let admin = admin_of(&suite.description).await;
    let endpoint = Endpoint::answering([Answer::Silence, Answer::Status(200)]).await;
    let name = listened_to(&admin, &endpoint.url).await;
    let sent = test_webhook(&admin, &name).await.unwrap();
    endpoint.when("webhook.tested", 1).await;
    restart(&mut suite, async |suite: &Suite| {
        // Its lease ends by itself after 45 seconds.
        execute(&suite.description, "UPDATE webhook_delivery SET available_time = 0").await;
    })
    .await;
    when(&admin, &sent.name, WebhookDeliveryState::Succeeded, 2).await;
    let posts = endpoint.posts();
    assert_eq!(posts.len(), 2);
    assert!(posts.iter().all(|post| post.id() == sent.event_id && post.body == sent.body));
}

#[tokio::test]
async fn replicas_tell_everything_once() {
    let replicas = BTreeMap::from([(Service::Notifier, 2)]);
    let suite = start(&sandbox::Options { replicas, ..options(Topology::Apart) }).await;
    let admin = admin_of(&suite.description).await;
    let endpoint = Endpoint::new().await;
    let name = listened_to(&admin, &endpoint.url).await;
    for number in 0..40 {
        let caller = admin.caller.at_replica(number % 2);
        test_webhook(&Person { caller, ..admin.clone() }, &name).await.unwrap();
    }
    until("everything is told", || async {
        let told = deliveries(&admin, &name).await;
        told.iter().all(|it| it.state() == WebhookDeliveryState::Succeeded).then_some(())
    })
    .await;
    let mut ids: Vec<_> = endpoint.posts().iter().map(|post| post.id().to_owned()).collect();
    let posts = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((posts, ids.len()), (40, 40));
}

#[tokio::test]
async fn nothing_private_is_called_unless_the_operator_allows_it() {
    let mut suite = start(&options(Topology::Apart)).await;
    let admin = admin_of(&suite.description).await;
    let endpoint = Endpoint::new().await;
    let port = endpoint.url.split([':', '/']).nth(4).unwrap().to_owned();
    let urls =
        [endpoint.url.clone(), format!("https://localhost:{port}/"), format!("https://127.0.0.1:{port}/")];
    let mut names = Vec::new();
    for url in &urls {
        names.push(listened_to(&admin, url).await);
    }
    let old = test_webhook(&admin, &names[0]).await.unwrap();
    when(&admin, &old.name, WebhookDeliveryState::Succeeded, 1).await;
    restart(&mut suite, async |suite: &Suite| {
        let file = suite.description.settings_file(Service::Notifier, 0);
        let settings = std::fs::read_to_string(&file).unwrap();
        let strict = settings.replace("webhooks.allow_private = true", "webhooks.allow_private = false");
        assert_ne!(settings, strict);
        std::fs::write(file, strict).unwrap();
        execute(&suite.description, "UPDATE webhook_delivery SET end_time = 0").await;
    })
    .await;
    let connections = endpoint.connections();
    for name in &names {
        let sent = test_webhook(&admin, name).await.unwrap();
        let failed = when(&admin, &sent.name, WebhookDeliveryState::Deferred, 1).await;
        assert_eq!(failed.last_response_code, 0);
    }
    assert_eq!(endpoint.connections(), connections, "nobody was called");
    let community = managed(&admin).await;
    for url in [&urls[0], &urls[2]] {
        let answer = admin.caller.notifier().create_webhook(webhook_request(&community, url, &[])).await;
        refused_fields(answer, &["webhook.url"]);
    }
    // What ended long ago is removed when a notifier starts, and every hour.
    until("the old delivery is gone", || async { get_delivery(&admin, &old.name).await.err() }).await;
}

#[tokio::test]
async fn an_endpoint_is_told_by_tls_once_it_proves_its_name() {
    let folder = new_folder();
    let authority = folder.join("authority.pem");
    let known = Identity::new("127.0.0.1", &authority).unwrap();
    let trusts = format!("webhooks.authority_file = \"{}\"", authority.display());
    let suite = start(&options(Topology::Together).with("notifier", &trusts)).await;
    let admin = admin_of(&suite.description).await;
    let endpoint = Endpoint::secure(&known).await;
    let name = listened_to(&admin, &endpoint.url).await;
    let sent = test_webhook(&admin, &name).await.unwrap();
    when(&admin, &sent.name, WebhookDeliveryState::Succeeded, 1).await;
    assert_eq!(endpoint.posts()[0].id(), sent.event_id);
    let unknown = Identity::new("127.0.0.1", &folder.join("unknown.pem")).unwrap();
    let elsewhere = Endpoint::secure(&known).await;
    let elsewhere_url = elsewhere.url.replace("127.0.0.1", "localhost");
    let stranger = Endpoint::secure(&unknown).await;
    for (url, endpoint) in [(stranger.url.clone(), stranger), (elsewhere_url, elsewhere)] {
        let name = listened_to(&admin, &url).await;
        let sent = test_webhook(&admin, &name).await.unwrap();
        let failed = when(&admin, &sent.name, WebhookDeliveryState::Deferred, 1).await;
        assert!(failed.last_error.contains("certificate"), "{url}: {}", failed.last_error);
        assert!(endpoint.connections() > 0 && endpoint.posts().is_empty(), "{url}");
    }
}
