//! Refusals, told apart by code, reason and metadata, never by message.

use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Requires that the call was refused with `code` and `reason`, and returns the metadata.
#[track_caller]
pub fn refused<T: Debug>(answer: Result<T, Status>, code: Code, reason: &str) -> HashMap<String, String> {
    let status = answer.expect_err("the call must be refused");
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!((status.code(), info.reason.as_str()), (code, reason), "{status:?}");
    info.metadata.clone()
}

/// Requires that the call was refused for exactly these fields, each for one fault or several.
#[track_caller]
pub fn refused_fields<T: Debug>(answer: Result<T, Status>, fields: &[&str]) {
    let status = answer.expect_err("the call must be refused");
    let details = status.get_error_details();
    let bad = details.bad_request().unwrap_or_else(|| panic!("no BadRequest in {status:?}"));
    let mut named: Vec<&str> =
        bad.field_violations.iter().map(|violation| violation.field.as_str()).collect();
    let mut expected = fields.to_vec();
    named.sort_unstable();
    named.dedup();
    expected.sort_unstable();
    assert_eq!(named, expected);
    assert_eq!(details.error_info().map(|info| info.reason.as_str()), Some("INVALID_FIELDS"));
}

/// Requires that the call was refused for `reason`, since `limit` is met, and returns how long is to be waited.
#[track_caller]
pub fn throttled<T: Debug>(answer: Result<T, Status>, reason: &str, limit: &str) -> Duration {
    let details = answer.as_ref().expect_err("the call must be refused").get_error_details();
    assert_eq!(refused(answer, Code::ResourceExhausted, reason)["limit"], limit);
    assert!(details.has_quota_failure_violations(), "what ran out is told");
    let retry = details.retry_info().and_then(|info| info.retry_delay);
    retry.expect("it is told when to try again")
}

/// The reason of a refusal.
pub fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}
