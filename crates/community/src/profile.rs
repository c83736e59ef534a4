//! What people read of a community: name, description, web site.

use std::collections::BTreeSet;

use url::Url;
use usher_api::community as pb;
use usher_runtime::Violations;

const DISPLAY_NAME_LENGTH: std::ops::RangeInclusive<usize> = 1..=100;
const DESCRIPTION_LENGTH: std::ops::RangeInclusive<usize> = 0..=1_000;
const WEBSITE_URI_LENGTH: std::ops::RangeInclusive<usize> = 0..=2_000;

/// The fields that people can change.
pub(crate) const FIELDS: [&str; 3] = ["display_name", "description", "website_uri"];

/// What a request says of a community. `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) website_uri: Option<String>,
}

impl Profile {
    /// Reads those of [`FIELDS`] that are in `mask`.
    pub(crate) fn parse(asked: &pb::Community, mask: &BTreeSet<&str>, violations: &mut Violations) -> Self {
        let mut text = |field: &str, value: &str, length| {
            let named = mask.contains(field);
            named.then(|| violations.text(&format!("community.{field}"), value, length))
        };
        let display_name = text("display_name", &asked.display_name, DISPLAY_NAME_LENGTH);
        let description = text("description", &asked.description, DESCRIPTION_LENGTH);
        let website_uri = mask.contains("website_uri");
        let website_uri = website_uri.then(|| parse_website_uri(&asked.website_uri, violations));
        Self { display_name, description, website_uri }
    }
}

/// Whether `field` of a community is set in a request.
pub(crate) fn is_filled(asked: &pb::Community, field: &str) -> bool {
    match field {
        "display_name" => !asked.display_name.is_empty(),
        "description" => !asked.description.is_empty(),
        _ => !asked.website_uri.is_empty(),
    }
}

/// Empty, or a URL that leads to a web site and to nothing else, such as a script.
fn parse_website_uri(value: &str, violations: &mut Violations) -> String {
    let typed = violations.text("community.website_uri", value, WEBSITE_URI_LENGTH);
    let leads_to_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let valid = typed.is_empty() || Url::parse(&typed).as_ref().is_ok_and(leads_to_web);
    violations.require(valid, "community.website_uri", "must be an http or https URL");
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_sites_are_http_urls() {
        let faults = |text: &str| {
            let mut violations = Violations::default();
            parse_website_uri(text, &mut violations);
            violations.iter().count()
        };
        for good in ["", "https://northwind.example", " http://localhost:8080/a?b=c "] {
            assert_eq!(faults(good), 0, "{good}");
        }
        for bad in ["northwind.example", "javascript:alert(1)", "ftp://northwind.example", "https://"] {
            assert_eq!(faults(bad), 1, "{bad}");
        }
    }
}
