//! The words that everybody would try first for this person.

use std::collections::BTreeSet;

use super::fold;

/// The product's own name, which is in every mail and address of it.
const PRODUCT: &str = "usher";
/// Shorter words are parts of too many others.
const LEAST_LENGTH: usize = 3;
/// Longer words are cut, and what comes after so many of them is not looked at: each costs work.
const MOST_LENGTH: usize = 64;
const MOST_WORDS: usize = 100;
/// How many different characters make a password beside the words of its context.
pub(super) const LEAST_DIFFERENT: usize = 8;

/// Names and addresses around a person, whole and in parts, folded, longest first.
#[derive(Clone, Debug)]
pub(crate) struct Context(Vec<String>);

impl Context {
    /// From an address, a name and the names of communities, as far as they are known.
    pub(crate) fn new<'a>(
        email: &'a str,
        full_name: &'a str,
        communities: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let sides = email.split('@').chain([email, full_name]);
        let words: BTreeSet<String> =
            [PRODUCT].into_iter().chain(sides).chain(communities).flat_map(words).take(MOST_WORDS).collect();
        let mut words: Vec<String> = words.into_iter().collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        Self(words)
    }

    /// The words.
    pub(super) fn words(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }

    /// Whether `folded` has words of the context in it, and little else.
    pub(super) fn makes_up(&self, folded: &str) -> bool {
        let mut pieces = vec![folded];
        for word in &self.0 {
            pieces = pieces.into_iter().flat_map(|piece| piece.split(word.as_str())).collect();
        }
        let left = pieces.iter().flat_map(|piece| piece.chars()).filter(|it| !it.is_whitespace());
        pieces.len() > 1 && left.collect::<BTreeSet<char>>().len() < LEAST_DIFFERENT
    }
}

/// A text whole, without what separates its parts, and its parts.
fn words(text: &str) -> impl Iterator<Item = String> {
    let folded = fold(text);
    let joined: String = folded.chars().filter(|it| it.is_alphanumeric()).collect();
    let parts: Vec<String> = folded.split(|it: char| !it.is_alphanumeric()).map(str::to_owned).collect();
    [folded.trim().to_owned(), joined]
        .into_iter()
        .chain(parts)
        .map(|word| word.chars().take(MOST_LENGTH).collect::<String>())
        .filter(|word| word.chars().count() >= LEAST_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_up(password: &str) -> bool {
        let context =
            Context::new("Mira.Okafor@Bücher.example", "Mira Bo Okáfor", ["Blue Team", "Sørens Café"]);
        context.makes_up(&fold(password))
    }

    #[test]
    fn names_addresses_and_communities_do_not_make_a_password() {
        for password in [
            "Mira Okafor 2026",
            "miraokafor123456",
            "MIRA.OKAFOR@bücher.example",
            "okáfor-okáfor-okáfor",
            "miraboOKA\u{301}FOR!!!!",
            "BlueTeam BlueTeam 1",
            "Ｓørens café 1234",
            "usherusherusherusher",
        ] {
            assert!(made_up(password), "{password}");
        }
    }

    #[test]
    fn a_password_may_contain_them() {
        for password in ["Mira sang all summer long", "the usher tore my ticket", "blue k7#vq0!zr2@mw5pd"] {
            assert!(!made_up(password), "{password}");
        }
    }

    #[test]
    fn what_has_none_of_them_is_judged_by_others() {
        assert!(!made_up("") && !made_up("aaaaaaaaaaaaaaa") && !made_up("bo bo bo bo bo bo"));
    }

    #[test]
    fn a_context_has_bounds() {
        let many: Vec<String> =
            (0..1_000).map(|number| format!("community{number} {}", "x".repeat(200))).collect();
        let context = Context::new("", "", many.iter().map(String::as_str));
        assert!(context.0.len() <= MOST_WORDS);
        assert!(context.0.iter().all(|word| word.chars().count() <= MOST_LENGTH));
    }
}
