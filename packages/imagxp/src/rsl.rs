//! Licences of RSL 1.0 in requests: `Authorization: License` with a visa.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::ClaimError;
use crate::headers::single;

const LENGTH_MAX: usize = 8 * 1024 + 16;

/// The token of a request that shows a licence; other schemes of authorization are none of ours.
///
/// # Errors
/// [`ClaimError`] when there are several headers, or the licence is empty.
pub fn license_read(headers: &HeaderMap) -> Result<Option<&str>, ClaimError> {
    let Some(value) = single(headers, &AUTHORIZATION, LENGTH_MAX)? else {
        return Ok(None);
    };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("License") {
        return Ok(None);
    }
    let token = token.trim();
    if token.is_empty() {
        return Err(ClaimError::Malformed(
            "the licence is missing: Authorization: License <visa>",
        ));
    }
    Ok(Some(token))
}
