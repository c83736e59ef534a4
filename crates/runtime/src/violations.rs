//! Everything that is wrong with a request, told at once.

use std::fmt::Display;

use crate::Failure;

/// Collects what is wrong with the fields of a request.
///
/// ```
/// # use usher_runtime::Violations;
/// let mut violations = Violations::default();
/// let port: Option<u16> = violations.check("port", "70000".parse::<u16>());
/// violations.length("name", "", 1..=100);
/// assert!(port.is_none() && violations.finish().is_err());
/// ```
#[derive(Debug, Default)]
pub struct Violations(Vec<(String, String)>);

impl Violations {
    /// Notes that `field` is wrong. `what` completes the sentence "The field …".
    pub fn add(&mut self, field: impl Into<String>, what: impl Display) {
        self.0.push((field.into(), what.to_string()));
    }

    /// Notes `what` unless `holds`.
    pub fn require(&mut self, holds: bool, field: impl Into<String>, what: impl Display) {
        if !holds {
            self.add(field, what);
        }
    }

    /// The value of a parsed field, or a note of why there is none.
    pub fn check<T>(&mut self, field: impl Into<String>, parsed: Result<T, impl Display>) -> Option<T> {
        parsed.map_err(|error| self.add(field, error)).ok()
    }

    /// A text that people typed: within `characters`, no control characters (line breaks included), trimmed.
    pub fn text(&mut self, field: &str, value: &str, characters: std::ops::RangeInclusive<usize>) -> String {
        let trimmed = value.trim();
        self.length(field, trimmed, characters);
        self.require(!trimmed.chars().any(char::is_control), field, "must not contain control characters");
        trimmed.to_owned()
    }

    /// Notes a text whose number of characters is not within `characters`.
    pub fn length(&mut self, field: &str, value: &str, characters: std::ops::RangeInclusive<usize>) {
        let (least, most) = (characters.start(), characters.end());
        let fits = characters.contains(&value.chars().count());
        self.require(fits, field, format_args!("must be {least} to {most} characters long"));
    }

    /// `Ok` if nothing is wrong.
    pub fn finish(self) -> Result<(), Failure> {
        if self.0.is_empty() { Ok(()) } else { Err(Failure::InvalidFields(self)) }
    }

    /// Field and fault of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(field, what)| (field.as_str(), what.as_str()))
    }
}
