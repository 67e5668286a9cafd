//! When to ask again, and how soon.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};

/// How often a page is asked for whose answer was lost, or that is to be asked for later.
pub(crate) const TRIES_MAX: u32 = 3;
/// How long to wait where the site does not say it; longer each time.
const WAIT: Duration = Duration::from_millis(250);
/// The longest wait within one run.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Whether an answer leaves open what became of a payment: it may go through yet, or have gone through.
pub(crate) fn is_undecided(status: StatusCode) -> bool {
    let later = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::CONFLICT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    status.is_server_error() || later.contains(&status)
}

/// How long a site wants one to wait (RFC 9110, section 10.2.3), where it says so in seconds.
fn wait_said(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// How long to wait after so many tries.
pub(crate) fn wait_before(tries: u32, headers: Option<&HeaderMap>) -> Duration {
    let said = headers.and_then(wait_said);
    said.unwrap_or_else(|| WAIT.saturating_mul(tries)).min(WAIT_MAX)
}
