//! How many guesses a password takes.

use zxcvbn::{Entropy, zxcvbn};

use super::Context;

/// How much of a password is looked at: the work grows faster than the length. 48 characters are rated as high as ratings go,
/// unless they repeat themselves.
const LOOKED_AT: usize = 48;
/// How many readings of stand-ins for letters are tried. Each takes as long as the whole without them.
const MOST_READINGS: usize = 32;

/// The stand-ins of each letter that has several, as zxcvbn reads them.
const STAND_INS: [&str; 7] = ["4@", "({[<", "69", "1!|", "1|7", "$5", "+7"];
/// Stand-ins of two letters each.
const AMBIGUOUS: &str = "1|7";
/// Stand-ins that are not digits, which dates and sequences are made of.
const SYMBOLS: &str = "@({[<!|$+";

/// Rates the beginning of a password in its normal form. Takes some milliseconds.
pub(super) fn rate(password: &str, context: &Context) -> Entropy {
    let mut text: String = password.chars().take(LOOKED_AT).collect();
    if readings(&text) > MOST_READINGS {
        text = text.chars().map(plain).collect();
    }
    zxcvbn(&text, &context.words())
}

/// At most how many readings there are of the stand-ins in `text`. With all of them it would be thousands, and seconds of work.
fn readings(text: &str) -> usize {
    let occurring = |set: &str| set.chars().filter(|it| text.contains(*it)).count();
    let choices: usize = STAND_INS.iter().map(|set| occurring(set).max(1)).product();
    choices << occurring(AMBIGUOUS)
}

/// The character, or for a symbol that stands for a letter one of the private use area that stands for nothing, the same for the
/// same and no neighbour of another.
fn plain(character: char) -> char {
    let private = char::from_u32(0xE000 + u32::from(character) * 16);
    if SYMBOLS.contains(character) { private.unwrap_or(character) } else { character }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn guesses(password: &str) -> u64 {
        rate(password, &Context::new("mira.okafor@example.com", "Mira Okafor", [])).guesses()
    }

    #[test]
    fn knows_words_keyboards_dates_repetitions_and_the_context() {
        for weak in [
            "passwordpassword",
            "qwertyuiopasdfgh",
            "1987041519870415",
            "aaaaaaaaaaaaaaaa",
            "mira.okafor@example.com",
        ] {
            assert!(guesses(weak) < 100_000_000, "{weak}");
        }
        for strong in ["a long and quiet evening", "k7#vq0!zr2@mw5pd"] {
            assert!(guesses(strong) > 10_000_000_000, "{strong}");
        }
    }

    #[test]
    fn the_stand_ins_of_letters_do_not_multiply() {
        assert_eq!((readings("quiet"), readings("0123456789"), readings("!@#$%^&*()")), (1, 16, 1));
        let all = "4@8({[<3691!|710$5+7%2";
        assert!(readings(all) > 1_000);
        let plain: String = all.chars().map(plain).collect();
        assert!(
            readings(&plain) <= MOST_READINGS && plain.starts_with('4') && plain.ends_with("5\u{e2b0}7%2")
        );
    }

    #[test]
    fn the_worst_password_takes_milliseconds() {
        let context = Context::new("", "", []);
        rate("the dictionaries are read once", &context);
        for worst in ["4@8({[<3691!|710$5+7%2", "({[<1!7abc", "1234567890!", "ab", "a", "äöü"] {
            let password: String = worst.chars().cycle().take(1_024).collect();
            let took = || {
                let begun = Instant::now();
                rate(&password, &context);
                begun.elapsed()
            };
            // The best of several, on a machine that does other things; without the bounds it would be seconds.
            let best = (0..5).map(|_| took()).min().unwrap_or_default();
            assert!(best < Duration::from_millis(300), "{worst}: {best:?}");
        }
    }
}
