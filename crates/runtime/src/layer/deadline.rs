//! An answer in time, or DEADLINE_EXCEEDED. Within the process nobody else looks at `grpc-timeout`.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;

use super::{LimitsConfig, Target};
use crate::Failure;

/// Waits for the answer as long as the client asked for. The work itself goes on: it is detached further inside.
pub(super) async fn deadline(State(limits): State<LimitsConfig>, request: Request, next: Next) -> Response {
    let target = Target::at(request.uri().path());
    let asked = timeout(request.headers()).unwrap_or(limits.default_deadline);
    let deadline = asked.min(limits.longest_deadline);
    match tokio::time::timeout(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => target.refuse(Failure::DeadlineExceeded),
    }
}

/// The header `grpc-timeout`: up to eight digits and a unit. Malformed ones count as absent.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3_600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::middleware::from_fn_with_state;
    use axum::routing::any;
    use tonic::Status;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn refuses_an_answer_that_comes_too_late() {
        let never = axum::Router::new().route("/", any(std::future::pending::<()>));
        let limits = LimitsConfig { default_deadline: Duration::from_millis(1), ..LimitsConfig::default() };
        let layered = never.layer(from_fn_with_state(limits, deadline));
        let response = layered.oneshot(Request::new(axum::body::Body::empty())).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
    }

    fn read(value: &str) -> Option<Duration> {
        timeout(&HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), value.parse().unwrap())]))
    }

    #[test]
    fn reads_every_unit_and_nothing_else() {
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("99999999H"), Some(Duration::from_hours(99_999_999)));
        for malformed in ["", "m", "1", "1x", "-1m", "123456789m"] {
            assert_eq!(read(malformed), None, "{malformed:?}");
        }
    }
}
