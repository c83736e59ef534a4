//! What an invitation says beside what it offers.

use std::collections::{BTreeMap, HashMap};

use unic_langid::LanguageIdentifier;
use usher_api::invitation as pb;
use usher_runtime::Violations;

/// How long the name by which a mail addresses a person may be.
const DISPLAY_NAME_LENGTH: std::ops::RangeInclusive<usize> = 0..=200;
const MESSAGE_LENGTH: std::ops::RangeInclusive<usize> = 0..=1_000;
const MOST_ANNOTATIONS: usize = 32;
const LONGEST_KEY: usize = 63;
const ANNOTATION_LENGTH: std::ops::RangeInclusive<usize> = 0..=256;

/// What the inviter says to the person and notes for himself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// Empty if there is none.
    pub(crate) message: String,
    /// A BCP 47 tag in its canonical spelling. Empty if unknown.
    pub(crate) locale: String,
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Words {
    /// The fields of `asked`, which is the field `prefix` of the request.
    pub(crate) fn parse(prefix: &str, asked: &pb::Invitation, violations: &mut Violations) -> Self {
        let at = |field: &str| format!("{prefix}{field}");
        Self {
            message: message(&at("message"), &asked.message, violations),
            locale: locale(&at("locale"), &asked.locale, violations),
            annotations: annotations(&at("annotations"), &asked.annotations, violations),
        }
    }
}

/// A name that mails address a person by.
pub(crate) fn display_name(field: &str, text: &str, violations: &mut Violations) -> String {
    let name = violations.text(field, text, DISPLAY_NAME_LENGTH);
    violations.require(
        !name.chars().any(deceives),
        field,
        "must not contain characters that are not seen or turn text",
    );
    name
}

/// A message of several lines.
pub(crate) fn message(field: &str, text: &str, violations: &mut Violations) -> String {
    let message = text.replace("\r\n", "\n").trim().to_owned();
    violations.length(field, &message, MESSAGE_LENGTH);
    let controls = message.chars().any(|character| character.is_control() && character != '\n');
    violations.require(!controls, field, "must not contain control characters other than line breaks");
    violations.require(
        !message.chars().any(deceives),
        field,
        "must not contain characters that are not seen or turn text",
    );
    message
}

/// Characters that turn the direction of what follows, end a line unseen, or are not seen at all. Joiners, which scripts and
/// emoji need, are none of them.
fn deceives(character: char) -> bool {
    let turns =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

fn locale(field: &str, text: &str, violations: &mut Violations) -> String {
    if text.is_empty() {
        return String::new();
    }
    let parsed: Option<LanguageIdentifier> = text.parse().ok();
    violations.require(parsed.is_some(), field, "must be a language tag such as `de` or `pt-BR`");
    parsed.map(|tag| tag.to_string()).unwrap_or_default()
}

fn annotations(
    field: &str,
    asked: &HashMap<String, String>,
    violations: &mut Violations,
) -> BTreeMap<String, String> {
    let number_fits = asked.len() <= MOST_ANNOTATIONS;
    violations.require(number_fits, field, format_args!("must hold at most {MOST_ANNOTATIONS} entries"));
    let mut annotations = BTreeMap::new();
    // Sorted, so that faults are told in one order.
    for (key, value) in asked.iter().collect::<BTreeMap<_, _>>() {
        let known = |character: char| {
            matches!(character, 'a'..='z' | '0'..='9' | '.' | '_' | '-' | '/') && key.len() <= LONGEST_KEY
        };
        violations.require(
            !key.is_empty() && key.chars().all(known),
            field,
            format_args!(
                "must have keys of 1 to {LONGEST_KEY} of the characters a-z, 0-9, `.`, `_`, `-` and `/`"
            ),
        );
        annotations.insert(key.clone(), violations.text(field, value, ANNOTATION_LENGTH));
    }
    annotations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(asked: &pb::Invitation) -> Vec<String> {
        let mut violations = Violations::default();
        Words::parse("", asked, &mut violations);
        violations.iter().map(|(field, _)| field.to_owned()).collect()
    }

    #[test]
    fn messages_have_lines_but_nothing_that_hides() {
        let read = |text: &str| {
            let mut violations = Violations::default();
            (message("message", text, &mut violations), violations.iter().count())
        };
        assert_eq!(read(" Welcome!\r\nSee you. "), ("Welcome!\nSee you.".to_owned(), 0));
        for wrong in ["a\u{7}b", "a\u{202e}b", "a\tb", &"x".repeat(1_001)] {
            assert_eq!(read(wrong).1, 1, "{wrong:?}");
        }
        let mut violations = Violations::default();
        display_name("display_name", "Mira\u{200b}", &mut violations);
        display_name("display_name", "Mira\nOkafor", &mut violations);
        assert_eq!(violations.iter().count(), 2);
    }

    #[test]
    fn notes_every_fault() {
        let annotations = [("Ticket", "1"), ("", "2"), ("good", "a\nb")];
        let asked = pb::Invitation {
            message: "\u{1}".to_owned(),
            locale: "german language".to_owned(),
            annotations: annotations.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            ..pb::Invitation::default()
        };
        assert_eq!(faults(&asked), ["message", "locale", "annotations", "annotations", "annotations"]);
        let many = (0..33).map(|number| (format!("k{number}"), String::new())).collect();
        assert_eq!(
            faults(&pb::Invitation { annotations: many, ..pb::Invitation::default() }),
            ["annotations"]
        );
    }
}
