use usher_api::identity as pb;
use usher_runtime::{Caller, Violations};
use zxcvbn::feedback::{Feedback, Suggestion, Warning};

use crate::Identity;
use crate::error::Error;
use crate::password::{Assessment, Context, Rule};
use crate::second_factor::is_enabled;

const MOST_EMAIL_BYTES: usize = 254;
const MOST_NAME_CHARACTERS: usize = 200;
const MOST_COMMUNITIES: usize = 20;

pub(crate) async fn assess_password(
    service: &Identity,
    caller: &Caller,
    request: pb::AssessPasswordRequest,
) -> Result<pb::AssessPasswordResponse, Error> {
    let context = parse(&request)?;
    let second_factor = match &caller.person {
        Some(person) => is_enabled(&*service.database, person.user.0).await?,
        None => false,
    };
    let assessment = service.password_policy.assess(&request.password, second_factor, context).await?;
    Ok(to_proto(&assessment))
}

/// What the person has typed so far may be no address yet, but must not be more than one.
fn parse(request: &pb::AssessPasswordRequest) -> Result<Context, Error> {
    let pb::AssessPasswordRequest { email, full_name, community_names, .. } = request;
    let mut violations = Violations::default();
    violations.require(
        email.len() <= MOST_EMAIL_BYTES,
        "email",
        format_args!("must be at most {MOST_EMAIL_BYTES} bytes long"),
    );
    violations.length("full_name", full_name, 0..=MOST_NAME_CHARACTERS);
    violations.require(
        community_names.len() <= MOST_COMMUNITIES,
        "community_names",
        format_args!("must be at most {MOST_COMMUNITIES}"),
    );
    for (place, name) in community_names.iter().enumerate().take(MOST_COMMUNITIES) {
        violations.length(&format!("community_names[{place}]"), name, 0..=MOST_NAME_CHARACTERS);
    }
    violations.finish()?;
    Ok(Context::new(email, full_name, community_names.iter().map(String::as_str)))
}

fn to_proto(assessment: &Assessment) -> pb::AssessPasswordResponse {
    let feedback = assessment.feedback.as_ref();
    let warning = feedback.and_then(Feedback::warning).map_or(pb::PasswordWarning::Unspecified, warning);
    let suggestions = feedback.into_iter().flat_map(Feedback::suggestions);
    pb::AssessPasswordResponse {
        acceptable: assessment.broken.is_empty(),
        strength: assessment.strength.into(),
        violations: assessment.broken.iter().map(violation).collect(),
        warning: warning.into(),
        suggestions: suggestions.map(|it| suggestion(*it).into()).collect(),
    }
}

fn violation(rule: &Rule) -> pb::PasswordViolation {
    let named = match rule {
        Rule::Short { .. } => pb::PasswordRule::Length,
        Rule::Long => pb::PasswordRule::Size,
        Rule::Common => pb::PasswordRule::Common,
        Rule::Context => pb::PasswordRule::Context,
        Rule::Guessable => pb::PasswordRule::Guessable,
    };
    pb::PasswordViolation { rule: named.into(), description: rule.to_string() }
}

fn warning(warning: Warning) -> pb::PasswordWarning {
    match warning {
        Warning::StraightRowsOfKeysAreEasyToGuess => pb::PasswordWarning::KeyboardRow,
        Warning::ShortKeyboardPatternsAreEasyToGuess => pb::PasswordWarning::KeyboardPattern,
        Warning::RepeatsLikeAaaAreEasyToGuess => pb::PasswordWarning::RepeatedCharacter,
        Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess => pb::PasswordWarning::RepeatedCharacters,
        Warning::ThisIsATop10Password => pb::PasswordWarning::TopTen,
        Warning::ThisIsATop100Password => pb::PasswordWarning::TopHundred,
        Warning::ThisIsACommonPassword => pb::PasswordWarning::Common,
        Warning::ThisIsSimilarToACommonlyUsedPassword => pb::PasswordWarning::LikeCommon,
        Warning::SequencesLikeAbcAreEasyToGuess => pb::PasswordWarning::Sequence,
        Warning::RecentYearsAreEasyToGuess => pb::PasswordWarning::RecentYear,
        Warning::AWordByItselfIsEasyToGuess => pb::PasswordWarning::SingleWord,
        Warning::DatesAreOftenEasyToGuess => pb::PasswordWarning::Date,
        Warning::NamesAndSurnamesByThemselvesAreEasyToGuess => pb::PasswordWarning::SingleName,
        Warning::CommonNamesAndSurnamesAreEasyToGuess => pb::PasswordWarning::CommonName,
    }
}

fn suggestion(suggestion: Suggestion) -> pb::PasswordSuggestion {
    use pb::PasswordSuggestion as Told;
    match suggestion {
        Suggestion::UseAFewWordsAvoidCommonPhrases => Told::UseAFewWords,
        Suggestion::NoNeedForSymbolsDigitsOrUppercaseLetters => Told::NoNeedForSymbols,
        Suggestion::AddAnotherWordOrTwo => Told::AddWords,
        Suggestion::CapitalizationDoesntHelpVeryMuch => Told::CapitalsHelpLittle,
        Suggestion::AllUppercaseIsAlmostAsEasyToGuessAsAllLowercase => Told::AllCapitalsHelpLittle,
        Suggestion::ReversedWordsArentMuchHarderToGuess => Told::ReversingHelpsLittle,
        Suggestion::PredictableSubstitutionsDontHelpVeryMuch => Told::SubstitutionsHelpLittle,
        Suggestion::UseALongerKeyboardPatternWithMoreTurns => Told::LongerKeyboardPattern,
        Suggestion::AvoidRepeatedWordsAndCharacters => Told::AvoidRepetition,
        Suggestion::AvoidSequences => Told::AvoidSequences,
        Suggestion::AvoidRecentYears => Told::AvoidRecentYears,
        Suggestion::AvoidYearsThatAreAssociatedWithYou => Told::AvoidOwnYears,
        Suggestion::AvoidDatesAndYearsThatAreAssociatedWithYou => Told::AvoidOwnDates,
    }
}
