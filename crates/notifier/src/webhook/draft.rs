//! What requests may say of a webhook.

use std::collections::BTreeSet;
use std::net::IpAddr;

use url::{Host, Url};
use usher_api::notifier as pb;
use usher_runtime::Violations;
use usher_runtime::web_client::is_public;

use super::telling::is_selector;
use crate::Notifier;
use crate::entity::webhook::{DisableReason, Model};

/// What can be changed of a webhook.
pub(crate) const FIELDS: [&str; 4] = ["url", "description", "event_types", "state"];

const URL_LENGTH: std::ops::RangeInclusive<usize> = 1..=2_000;
const DESCRIPTION_LENGTH: std::ops::RangeInclusive<usize> = 0..=500;
const MOST_TYPES: usize = 50;

/// Whether a request without a mask changes `field`.
pub(crate) fn is_filled(asked: &pb::Webhook, field: &str) -> bool {
    match field {
        "url" => !asked.url.is_empty(),
        "description" => !asked.description.is_empty(),
        "event_types" => !asked.event_types.is_empty(),
        "state" => asked.state != 0,
        _ => false,
    }
}

/// Writes the fields of `mask` into `row`, and notes what is wrong with them.
pub(crate) fn apply(
    service: &Notifier,
    row: &mut Model,
    asked: &pb::Webhook,
    mask: &BTreeSet<&str>,
    violations: &mut Violations,
) {
    if mask.contains("url") {
        let url = endpoint(&asked.url, service.config.webhooks.allow_private, violations);
        if url != row.url {
            row.failing_since = None;
        }
        row.url = url;
    }
    if mask.contains("description") {
        row.description = violations.text("webhook.description", &asked.description, DESCRIPTION_LENGTH);
    }
    if mask.contains("event_types") {
        row.event_types = event_types(&asked.event_types, violations);
    }
    if mask.contains("state") {
        match asked.state() {
            pb::WebhookState::Enabled => (row.disable_reason, row.failing_since) = (None, None),
            pb::WebhookState::Disabled => {
                row.disable_reason = row.disable_reason.or(Some(DisableReason::Requested));
            }
            pb::WebhookState::Unspecified => {
                violations.add("webhook.state", "must be ENABLED or DISABLED");
            }
        }
    }
}

/// The URL in the form in which it is called.
fn endpoint(text: &str, allow_private: bool, violations: &mut Violations) -> String {
    violations.length("webhook.url", text, URL_LENGTH);
    let Ok(url) = Url::parse(text) else {
        violations.add("webhook.url", "must be a URL such as https://example.com/hook");
        return String::new();
    };
    let plain = allow_private && url.scheme() == "http";
    violations.require(url.scheme() == "https" || plain, "webhook.url", "must begin with https://");
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    violations.require(bare, "webhook.url", "must not hold a user, a password or a fragment");
    let public = match url.host() {
        Some(Host::Ipv4(address)) => is_public(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_public(IpAddr::V6(address)),
        // What a name stands for is judged at every attempt.
        Some(Host::Domain(_)) => true,
        None => false,
    };
    violations.require(public || allow_private, "webhook.url", "must not lead to a private address");
    let callable = url.as_str().parse::<http::Uri>().is_ok();
    violations.require(callable, "webhook.url", "must not hold characters that a request cannot");
    url.into()
}

fn event_types(asked: &[String], violations: &mut Violations) -> String {
    let few = asked.len() <= MOST_TYPES;
    violations.require(few, "webhook.event_types", format_args!("must hold at most {MOST_TYPES} types"));
    for (place, selector) in asked.iter().enumerate().take(MOST_TYPES) {
        let field = format!("webhook.event_types[{place}]");
        violations.require(
            is_selector(selector),
            field,
            "must be a type of event, such as `member.created` or `member.*`",
        );
    }
    asked.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_endpoints_with_encryption_are_taken() {
        let faults = |text, allow_private| {
            let mut violations = Violations::default();
            endpoint(text, allow_private, &mut violations);
            violations.iter().count()
        };
        for good in ["https://example.com/hook?key=1", "https://1.1.1.1/", "https://bücher.example/ü"] {
            assert_eq!(faults(good, false), 0, "{good}");
        }
        for bad in [
            "http://example.com/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://169.254.169.254/latest",
            "https://user:pass@example.com/",
            "https://example.com/#part",
            "ftp://example.com/",
            "example.com",
        ] {
            assert!(faults(bad, false) > 0, "{bad}");
        }
        assert_eq!(faults("http://127.0.0.1:8080/hook", true), 0);
        assert!(faults("ftp://127.0.0.1/", true) > 0);
    }
}
