//! What a password may be. No rule is about kinds of characters.

use std::fmt;
use std::num::NonZeroUsize;

use secrecy::{ExposeSecret as _, SecretString};
use usher_runtime::{Failure, Violations};
use zxcvbn::feedback::Feedback;

use super::context::LEAST_DIFFERENT;
use super::leaked::{self, is_common};
use super::{Context, MOST_BYTES, Password, Turns, fold, strength};

/// The shortest password that is asked for alone.
const LEAST_CHARACTERS: usize = 15;
/// The shortest one that is asked for together with a second factor.
const LEAST_CHARACTERS_BESIDE_FACTOR: usize = 8;
/// How many guesses a password must withstand. Below it, zxcvbn calls passwords weak (strength 0 to 2).
const LEAST_GUESSES: u64 = 100_000_000;

/// What a password can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Too few characters.
    Short {
        /// How many it must have.
        least: usize,
    },
    /// Too many bytes.
    Long,
    /// It leaked, or two that leaked make it up.
    Common,
    /// Names and addresses make it up.
    Context,
    /// It is found by trying what people choose.
    Guessable,
}

/// Completes the sentence "The password …".
impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { least } => write!(formatter, "must be at least {least} characters long"),
            Self::Long => write!(formatter, "must be at most {MOST_BYTES} bytes long"),
            Self::Common => write!(
                formatter,
                "must be more than one or two common passwords and {} characters",
                leaked::MOST_EXTRA
            ),
            Self::Context => write!(
                formatter,
                "must have at least {LEAST_DIFFERENT} different characters beside names and addresses around you"
            ),
            Self::Guessable => {
                write!(formatter, "must not be found within {LEAST_GUESSES} guesses: add uncommon words")
            }
        }
    }
}

/// Whether a password that was accepted beside a second factor is long enough without one.
pub(crate) fn is_enough_alone(password: &Password) -> bool {
    password.0.expose_secret().chars().count() >= LEAST_CHARACTERS
}

/// What is to be said of a password.
#[derive(Clone, Debug)]
pub(crate) struct Assessment {
    /// What it breaks, if anything.
    pub(crate) broken: Vec<Rule>,
    /// 0 (found within 10³ guesses) to 4 (more than 10¹⁰).
    pub(crate) strength: u8,
    /// How to make it better, if its strength is 0 to 2.
    pub(crate) feedback: Option<Feedback>,
}

/// Judges `text`, in some milliseconds. `second_factor` tells whether the person shows more than the password to sign in.
fn assess(text: &str, second_factor: bool, context: &Context) -> Assessment {
    if text.len() > MOST_BYTES {
        return Assessment { broken: vec![Rule::Long], strength: 0, feedback: None };
    }
    let password = Password::normal(text);
    let (normal, folded) = (password.0.expose_secret(), fold(text));
    let least = if second_factor { LEAST_CHARACTERS_BESIDE_FACTOR } else { LEAST_CHARACTERS };
    // Both forms: NFKC makes one character of some, and eighteen of another.
    let long_enough = [text, normal].iter().all(|form| form.chars().count() >= least);
    let rating = strength::rate(normal, context);
    let rules = [
        (!long_enough, Rule::Short { least }),
        (is_common(&folded), Rule::Common),
        (context.makes_up(&folded), Rule::Context),
        (rating.guesses() < LEAST_GUESSES, Rule::Guessable),
    ];
    Assessment {
        broken: rules.into_iter().filter_map(|(broken, rule)| broken.then_some(rule)).collect(),
        strength: rating.score().into(),
        feedback: rating.feedback().cloned(),
    }
}

/// A password that may be used from now on.
pub(crate) struct Chosen {
    /// To be hashed.
    pub(crate) password: Password,
    /// As in [`Assessment`].
    pub(crate) strength: u8,
}

/// Judges passwords, a few at a time, beside the asynchronous threads.
#[derive(Clone)]
pub(crate) struct Policy(Turns);

impl Policy {
    /// At most `permits` at a time.
    pub(crate) fn new(permits: NonZeroUsize) -> Self {
        Self(Turns::new(permits))
    }

    /// What is to be said of `text`, chosen by somebody with or without a second factor.
    pub(crate) async fn assess(
        &self,
        text: &str,
        second_factor: bool,
        context: Context,
    ) -> Result<Assessment, Failure> {
        // Judged where it is, as far as there is no work in it.
        if text.len() > MOST_BYTES {
            return Ok(assess(text, second_factor, &context));
        }
        let text = SecretString::from(text);
        self.0.take(move || Ok(assess(text.expose_secret(), second_factor, &context))).await
    }

    /// A password that somebody chooses, or a note of everything that is wrong with it. `second_factor` tells whether he shows more
    /// than it to sign in.
    pub(crate) async fn choose(
        &self,
        field: &str,
        text: &str,
        (second_factor, context): (bool, Context),
        violations: &mut Violations,
    ) -> Result<Option<Chosen>, Failure> {
        let assessment = self.assess(text, second_factor, context).await?;
        for rule in &assessment.broken {
            violations.add(field, rule);
        }
        let chosen = || Chosen { password: Password::normal(text), strength: assessment.strength };
        Ok(assessment.broken.is_empty().then(chosen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Rule = Rule::Short { least: LEAST_CHARACTERS };

    fn broken(text: &str) -> Vec<Rule> {
        let context = Context::new("mira.okafor@example.com", "Mira Okafor", ["Blue Team"]);
        assess(text, false, &context).broken
    }

    #[test]
    fn takes_what_is_long_and_not_guessed() {
        for text in [
            "a long and quiet evening",
            "correct horse battery staple",
            "nobody writes this sentence down",
            "quatre cafés à Gênes",
            "ünïcödé pässwörd",
            "k7#vq0!zr2@mw5p",
            "七転び八起き猿も木から落ちる花より団子",
        ] {
            assert_eq!(broken(text), [], "{text}");
        }
    }

    #[test]
    fn tells_everything_that_is_wrong() {
        assert_eq!(broken(""), [SHORT, Rule::Guessable]);
        assert_eq!(broken("password"), [SHORT, Rule::Common, Rule::Guessable]);
        assert_eq!(broken("miraokafor"), [SHORT, Rule::Context, Rule::Guessable]);
        assert_eq!(broken("Mira2026Okafor Mira"), [Rule::Context]);
        assert_eq!(broken("               "), [Rule::Guessable]);
        assert_eq!(broken("passwordpassword"), [Rule::Common, Rule::Guessable]);
        assert_eq!(broken("abcabcabcabcabcabc"), [Rule::Guessable]);
    }

    #[test]
    fn what_is_too_long_is_not_looked_at() {
        assert_eq!(broken(&"a long and quiet evening ".repeat(41)), [Rule::Long]);
        let longest: String = "a long and quiet evening ".chars().cycle().take(MOST_BYTES).collect();
        assert_eq!(broken(&longest), []);
    }

    #[test]
    fn every_form_of_a_character_counts_once() {
        assert_eq!(broken("k7#vq0!zr2@mw5"), [SHORT]);
        assert!(broken("\u{fdfa}").contains(&SHORT));
        assert!(
            broken(&"e\u{301}".repeat(14)).contains(&SHORT)
                && !broken(&"e\u{301}".repeat(15)).contains(&SHORT)
        );
        // Wide letters are the same password, and as common.
        assert_eq!(broken("ｐａｓｓｗｏｒｄＰＡＳＳＷＯＲＤ"), [Rule::Common, Rule::Guessable]);
    }

    #[test]
    fn beside_a_second_factor_eight_characters_are_enough() {
        let with_factor = |text| assess(text, true, &Context::new("", "", [])).broken;
        assert_eq!(with_factor("vq0!zr2@"), []);
        assert_eq!(
            with_factor("vq0!zr2"),
            [Rule::Short { least: LEAST_CHARACTERS_BESIDE_FACTOR }, Rule::Guessable]
        );
        assert_eq!(with_factor("sunshine"), [Rule::Common, Rule::Guessable]);
    }

    #[test]
    fn the_strength_is_told() {
        let strength = |text| assess(text, false, &Context::new("", "", [])).strength;
        assert_eq!((strength("passwordpassword"), strength("a long and quiet evening")), (0, 4));
    }
}
