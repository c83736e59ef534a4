//! Passwords that leaked often. `leaked.md` tells where the list is from.

use std::cmp::Ordering;

/// One a line, folded, in the order of their bytes.
static LIST: &str = include_str!("leaked.txt");

/// Whether `folded` is on the list.
fn is_listed(folded: &str) -> bool {
    // Looked up where it lies in the binary, so that the list costs neither memory nor time at the start.
    let (mut low, mut high) = (0, LIST.len());
    while low < high {
        let (begin, end) = line_around(low + (high - low) / 2);
        match LIST[begin..end].cmp(folded) {
            Ordering::Equal => return true,
            Ordering::Less => low = end + 1,
            Ordering::Greater => high = begin,
        }
    }
    false
}

/// Where the line at `place`, or that ends there, begins and ends.
fn line_around(place: usize) -> (usize, usize) {
    let bytes = LIST.as_bytes();
    let begin = bytes[..place].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let end =
        bytes[place..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| place + length);
    (begin, end)
}

/// How many characters beside common passwords do not make them uncommon.
pub(super) const MOST_EXTRA: usize = 3;
/// The longest on the list.
const LONGEST: usize = 20;

/// Whether `folded` is a common password or two of them, with at most [`MOST_EXTRA`] other characters before, between or behind.
/// What separates words does not count.
pub(super) fn is_common(folded: &str) -> bool {
    let kept: Vec<char> = folded.chars().filter(|it| !it.is_whitespace() && !"-_.".contains(*it)).collect();
    if kept.len() > 2 * LONGEST + MOST_EXTRA {
        return is_listed(folded);
    }
    is_listed(folded)
        || (0..=MOST_EXTRA.min(kept.len())).any(|before| follows(&kept[before..], MOST_EXTRA - before, 2))
}

/// Whether `rest` begins with one of up to `most` common passwords, and has at most `extra` characters beside them.
fn follows(rest: &[char], extra: usize, most: usize) -> bool {
    (1..=rest.len().min(LONGEST)).any(|length| {
        let (word, behind) = rest.split_at(length);
        if !is_listed(&word.iter().collect::<String>()) {
            return false;
        }
        behind.len() <= extra
            || (most > 1 && (0..=extra).any(|between| follows(&behind[between..], extra - between, most - 1)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::fold;

    #[test]
    fn the_list_is_in_order_and_folded() {
        let lines: Vec<&str> = LIST.lines().collect();
        assert!(lines.len() > 49_000 && LIST.ends_with('\n'));
        assert!(lines.is_sorted_by(|one, next| one < next));
        assert!(
            lines.iter().all(|line| fold(line) == **line && (4..=LONGEST).contains(&line.chars().count()))
        );
    }

    #[test]
    fn every_entry_is_found_and_nothing_else() {
        assert!(LIST.lines().all(is_listed));
        for text in [
            "",
            "\n",
            "password\n",
            "passwor\nd",
            "zzzzzzzzzz",
            "\u{10ffff}",
            "!",
            "a long and quiet evening",
        ] {
            assert!(!is_listed(text), "{text:?}");
        }
    }

    #[test]
    fn two_common_passwords_with_a_little_more_are_common() {
        for text in [
            "manchesterunited",
            "1qaz2wsx3edc4rfv",
            "passwordpassword",
            "password 12345678",
            "liverpool_liverpool",
            "sunshinefootball1!",
            "!!elephantmountain",
            "princess#dragon#",
        ] {
            assert!(is_common(text), "{text}");
        }
    }

    #[test]
    fn phrases_and_noise_are_not() {
        for text in [
            "",
            "correct horse battery staple",
            "a long and quiet evening",
            "sunshine football elephant",
            "k7#vq0!zr2@mw5pd",
            "paßwörter im großen garten",
        ] {
            assert!(!is_common(text), "{text}");
        }
        assert!(!is_common(&"x".repeat(6_000)));
    }
}
