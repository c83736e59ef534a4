//! Words that people typed, made harmless: whoever can write into other people's mail must not be able to lead them somewhere.

/// A name in which no mail program finds a link, and that disturbs nothing around it.
pub(super) fn harmless(name: &str) -> String {
    let mut harmless = String::new();
    let mut characters = name.trim().chars().filter(|character| !disturbs(*character)).peekable();
    while let Some(character) = characters.next() {
        harmless.push(character);
        let goes_on = characters.peek().is_some_and(|next| !next.is_whitespace());
        // An invisible space after it keeps the parts of an address apart.
        if goes_on && matches!(character, '.' | '@' | ':' | '/') {
            harmless.push('\u{200b}');
        }
    }
    harmless
}

/// The lines of a text, each harmless.
pub(super) fn harmless_lines(text: &str) -> Vec<String> {
    text.lines().map(harmless).filter(|line| !line.is_empty()).collect()
}

/// The longest name in a header, in characters.
const HEADER_NAME_LENGTH: usize = 80;

/// A name beside an address, where programs look for more than text: of it, what names are made of.
pub(super) fn header_name(name: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "-'&+!()".contains(character);
    let spaced: String =
        name.chars().map(|character| if plain(character) { character } else { ' ' }).collect();
    let joined = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    joined.chars().take(HEADER_NAME_LENGTH).collect::<String>().trim_end().to_owned()
}

/// Characters that control, end a line or turn the direction of what follows, and spaces that are not seen.
fn disturbs(character: char) -> bool {
    let turns =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let hidden = matches!(character, '\u{2028}' | '\u{2029}' | '\u{200b}' | '\u{2060}' | '\u{feff}');
    turns || hidden || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere() {
        assert_eq!(harmless(" evil.example "), "evil.\u{200b}example");
        assert_eq!(harmless("Dr. Mira Okafor Jr."), "Dr. Mira Okafor Jr.");
        for url in ["https://evil.example/x", "mailto:a@evil.example", "//evil.example", "www.evil.example"] {
            let shown = harmless(url);
            assert!(!["://", "//", "@e", ".e"].iter().any(|part| shown.contains(part)), "{shown}");
        }
        assert_eq!(harmless("a\u{202e}b\u{2028}c\r\nd\u{200b}"), "abcd");
        assert_eq!(harmless(".\u{200b}e"), ".\u{200b}e", "what is hidden does not hide the next character");
    }

    #[test]
    fn lines_of_a_message_stay_lines() {
        let text = "Welcome!\r\n\r\nSee evil.example\u{2028}now";
        assert_eq!(harmless_lines(text), ["Welcome!", "See evil.\u{200b}examplenow"]);
    }

    #[test]
    fn names_in_headers_are_nothing_but_names() {
        assert_eq!(header_name("Alpine Bank"), "Alpine Bank");
        assert_eq!(header_name("Zoë's Café & Söhne (Zürich)"), "Zoë's Café & Söhne (Zürich)");
        assert_eq!(header_name("admin@bank.example\" <x>,\r\nBcc: y"), "admin bank example x Bcc y");
        assert_eq!(header_name(&"a".repeat(300)).len(), 80);
        assert_eq!(header_name("@@"), "");
    }
}
