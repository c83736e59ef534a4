use sandbox::Caller;
use tonic::Status;
use usher_api::identity::{
    AssessPasswordRequest, AssessPasswordResponse, PasswordRule, PasswordSuggestion, PasswordWarning,
};

use crate::support::people::PASSWORD;
use crate::support::refusal::refused_fields;

async fn assess(request: AssessPasswordRequest) -> Result<AssessPasswordResponse, Status> {
    Caller::nobody().identity().assess_password(request).await.map(tonic::Response::into_inner)
}

/// Of Mira, who is invited into the blue team.
fn request(password: &str) -> AssessPasswordRequest {
    AssessPasswordRequest {
        password: password.to_owned(),
        email: "mira.okafor@example.test".to_owned(),
        full_name: "Mira Okafor".to_owned(),
        community_names: vec!["Blue Team".to_owned()],
    }
}

async fn broken(request: AssessPasswordRequest) -> Vec<PasswordRule> {
    let answer = assess(request).await.expect("anybody may ask");
    assert_eq!(answer.acceptable, answer.violations.is_empty());
    assert!(answer.violations.iter().all(|violation| !violation.description.is_empty()));
    answer.violations.iter().map(usher_api::identity::PasswordViolation::rule).collect()
}

#[tokio::test]
async fn tells_that_a_password_is_good() {
    let good = AssessPasswordResponse { acceptable: true, strength: 4, ..AssessPasswordResponse::default() };
    assert_eq!(assess(request(PASSWORD)).await.unwrap(), good);
}

#[tokio::test]
async fn tells_every_rule_that_it_breaks() {
    let (length, size) = (PasswordRule::Length, PasswordRule::Size);
    let (common, context, guessable) = (PasswordRule::Common, PasswordRule::Context, PasswordRule::Guessable);
    assert_eq!(broken(request("")).await, [length, guessable]);
    assert_eq!(broken(request("password")).await, [length, common, guessable]);
    assert_eq!(broken(request("aaaaaaaaaaaaaaaa")).await, [guessable]);
    assert_eq!(broken(request(&"x".repeat(1_025))).await, [size]);
    for around in ["Mira2026Okafor Mira", "example mira test!!!", "blueteamblueteam", "usher mira usher"] {
        assert!(broken(request(around)).await.contains(&context), "{around}");
    }
}

#[tokio::test]
async fn without_a_context_only_the_password_is_judged() {
    let alone = AssessPasswordRequest {
        password: "Mira2026Okafor Mira".to_owned(),
        ..AssessPasswordRequest::default()
    };
    assert_eq!(broken(alone).await, []);
}

#[tokio::test]
async fn tells_how_to_make_it_better() {
    let answer = assess(request("aaaaaaaaaaaaaaaa")).await.unwrap();
    assert_eq!((answer.strength, answer.warning()), (0, PasswordWarning::RepeatedCharacter));
    let suggestions: Vec<_> = answer.suggestions().collect();
    assert_eq!(suggestions, [PasswordSuggestion::AddWords, PasswordSuggestion::AvoidRepetition]);
}

#[tokio::test]
async fn takes_an_address_that_is_not_finished() {
    let half = AssessPasswordRequest { email: "mira.okafor@".to_owned(), ..request(PASSWORD) };
    assert!(assess(half).await.unwrap().acceptable);
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let bad = AssessPasswordRequest {
        password: PASSWORD.to_owned(),
        email: "x".repeat(255),
        full_name: "é".repeat(201),
        community_names: (0..21).map(|length| "x".repeat(length * 20)).collect(),
    };
    let fields = ["email", "full_name", "community_names", "community_names[11]"];
    let later: Vec<String> = (12..20).map(|place| format!("community_names[{place}]")).collect();
    let fields: Vec<&str> = fields.into_iter().chain(later.iter().map(String::as_str)).collect();
    refused_fields(assess(bad).await, &fields);
}
