//! E-mail addresses: kept as typed, compared in one canonical form on every database.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization as _;

/// One valid address. Two addresses reach the same mailbox, as far as Usher is concerned, if their [canonical
/// forms](Self::canonical) are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress {
    typed: String,
    canonical: String,
}

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// Nothing was typed.
    #[error("must not be empty")]
    Empty,
    /// Longer than RFC 5321 §4.5.3.1 lets a path be: 254 bytes, 64 before the `@`.
    #[error("must be at most 254 bytes long, and at most 64 before the @")]
    TooLong,
    /// More than one address, or a list separator.
    #[error("must be one address, not several")]
    Several,
    /// Not of the form `name@domain`.
    #[error("must be of the form name@example.com")]
    Malformed,
}

impl EmailAddress {
    /// The address as the person typed it, without surrounding white space.
    #[must_use]
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// The form to compare by: NFC, case-folded, the domain in punycode. Dots and `+` tags are kept, since mail hosts
    /// differ in what they make of them.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The domain in the form to compare by: lower case, in punycode.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.canonical.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// Enough to recognise one's own address, not enough to learn another's: `m•••@e•••.com`.
    #[must_use]
    pub fn masked(&self) -> String {
        let (local, domain) = self.typed.rsplit_once('@').unwrap_or((&self.typed, ""));
        let (name, suffix) = domain.rsplit_once('.').unwrap_or((domain, ""));
        let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
        format!("{}•••@{}•••.{suffix}", first(local), first(name))
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.typed)
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let typed = text.trim();
        if typed.is_empty() {
            return Err(InvalidEmail::Empty);
        }
        if typed.contains([',', ';']) || typed.matches('@').count() > 1 {
            return Err(InvalidEmail::Several);
        }
        let (local, domain) = typed.split_once('@').ok_or(InvalidEmail::Malformed)?;
        if typed.len() > 254 || local.len() > 64 {
            return Err(InvalidEmail::TooLong);
        }
        // Composed first: a combining accent alone is not a letter.
        let composed: String = local.nfc().collect();
        let domain =
            canonical_domain(domain).filter(|_| is_dot_atom(&composed)).ok_or(InvalidEmail::Malformed)?;
        let folded: String = composed.to_lowercase().nfc().collect();
        Ok(Self { typed: typed.to_owned(), canonical: format!("{folded}@{domain}") })
    }
}

/// RFC 5322's dot-atom with RFC 6532's characters beyond ASCII. Quoted local parts exist on paper only.
fn is_dot_atom(local: &str) -> bool {
    let allowed = |character: char| {
        character.is_ascii_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~".contains(character)
            || (!character.is_ascii() && character.is_alphanumeric())
    };
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(allowed))
}

/// The domain in lower-case punycode, if it is a host name with at least one dot.
fn canonical_domain(domain: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii_strict(domain).ok()?;
    let labelled =
        ascii.contains('.') && ascii.split('.').all(|label| !label.is_empty() && label.len() <= 63);
    let host =
        ascii.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '.'));
    (labelled && host).then_some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        text.parse::<EmailAddress>().unwrap().canonical().to_owned()
    }

    #[test]
    fn spellings_of_one_mailbox_compare_equal() {
        assert_eq!(canonical(" Mira.Okafor@Example.COM "), "mira.okafor@example.com");
        assert_eq!(canonical("zoë@bücher.example"), canonical("ZOE\u{308}@BÜCHER.example"));
        assert_eq!(canonical("a@bücher.example"), canonical("a@xn--bcher-kva.example"));
    }

    #[test]
    fn dots_and_tags_are_kept_apart() {
        assert_ne!(canonical("mi.ra@example.com"), canonical("mira@example.com"));
        assert_ne!(canonical("mira+soc@example.com"), canonical("mira@example.com"));
    }

    #[test]
    fn tells_what_is_wrong() {
        let reason = |text: &str| text.parse::<EmailAddress>().unwrap_err();
        assert_eq!(reason("  "), InvalidEmail::Empty);
        assert_eq!(reason("a@example.com, b@example.com"), InvalidEmail::Several);
        assert_eq!(reason(&format!("{}@example.com", "a".repeat(65))), InvalidEmail::TooLong);
        for text in [
            "a",
            "a@",
            "@example.com",
            "a@localhost",
            "a b@example.com",
            ".a@example.com",
            "a@ex ample.com",
            "a\r\n@example.com",
            "a@-example-.com",
            "<a@example.com>",
        ] {
            assert_eq!(reason(text), InvalidEmail::Malformed, "{text:?}");
        }
    }

    #[test]
    fn masks_all_but_a_hint() {
        assert_eq!("mira@example.com".parse::<EmailAddress>().unwrap().masked(), "m•••@e•••.com");
    }
}
