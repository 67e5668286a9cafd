//! Where a request comes from, and the session cookie.

use std::convert::Infallible;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, FromRef, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use imajin_kernel::{Code, Problem};
use imajin_web::{Failure, PublicBase, Site, same_origin_require};
use serde::de::DeserializeOwned;

use crate::sessions::LIFETIME;

/// Only a browser's cookie of this name and form is kept from other hosts and from plain connections (RFC 6265bis,
/// section 4.1.3.2).
const HOST_COOKIE: &str = "__Host-imajin_session";
/// For command-line clients, which keep no such promises.
const PLAIN_COOKIE: &str = "imajin_session";

/// What the headers say about where a request comes from.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    headers: HeaderMap,
    base: PublicBase,
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Site: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let base = parts.extensions.get::<PublicBase>().cloned();
        let base = base.unwrap_or_else(|| Site::from_ref(state).public);
        Ok(Self {
            headers: parts.headers.clone(),
            base,
        })
    }
}

impl Caller {
    /// Browsers say where a request comes from; command-line clients do not.
    fn is_browser(&self) -> bool {
        self.headers.contains_key(header::ORIGIN) || self.headers.contains_key("sec-fetch-site")
    }

    /// What the client calls itself.
    pub(super) fn client(&self) -> Option<String> {
        self.headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    }

    /// Whether a person looks at the answer itself: a form without JavaScript.
    pub(super) fn wants_page(&self) -> bool {
        let accept = self.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        accept.is_some_and(|accept| accept.starts_with("text/html"))
    }

    /// A form of a page: only our own pages may send it.
    pub(super) fn own_page_require(&self) -> Result<(), Problem> {
        same_origin_require(&self.headers, &self.base)
    }

    /// A request that opens a session: from a browser only if our own page sent it, or a foreign page could log its
    /// visitor in as somebody else.
    pub(super) fn login_origin_require(&self) -> Result<(), Problem> {
        if self.is_browser() {
            self.own_page_require()
        } else {
            Ok(())
        }
    }

    /// A request that acts by its cookie alone, which is only ever the end of the session itself.
    ///
    /// A bearer token is no cookie, and the plain cookie without a browser's headers is a command-line client.
    pub(super) fn logout_origin_require(&self) -> Result<(), Problem> {
        let authorization = self
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        // Not any authorisation: a browser repeats a proxy's password by itself.
        let is_bearer = authorization.is_some_and(|value| value.starts_with("Bearer "));
        let is_command_line = !self.is_browser() && !self.has_host_cookie();
        if is_bearer || is_command_line {
            Ok(())
        } else {
            self.own_page_require()
        }
    }

    fn has_host_cookie(&self) -> bool {
        let lines = self
            .headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let mut pairs = lines
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(name, _value)| name == HOST_COOKIE)
    }

    /// The cookie for a session that was just opened.
    pub(super) fn session_cookie(&self, token: &str) -> [(HeaderName, HeaderValue); 1] {
        let seconds = LIFETIME.as_seconds();
        let text = if self.is_browser() {
            format!("{HOST_COOKIE}={token}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax")
        } else {
            format!("{PLAIN_COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax")
        };
        // A token is base64url and dots, so this cannot fail; an empty cookie would only log nobody in.
        [(
            header::SET_COOKIE,
            HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("")),
        )]
    }
}

/// Takes both cookies away.
pub(super) fn cookies_clear() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let host = "__Host-imajin_session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";
    let plain = "imajin_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax";
    headers.append(header::SET_COOKIE, HeaderValue::from_static(host));
    headers.append(header::SET_COOKIE, HeaderValue::from_static(plain));
    headers
}

/// A posted form, refused with a problem document instead of plain text.
#[derive(Debug)]
pub(super) struct FormBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for FormBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match Form::<T>::from_request(request, state).await {
            Ok(Form(value)) => Ok(Self(value)),
            Err(rejection) => Err(form_problem(&rejection).into()),
        }
    }
}

fn form_problem(rejection: &FormRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(Code::BodyTooLarge, "The form is larger than this route accepts.");
    }
    match rejection {
        FormRejection::InvalidFormContentType(_) => {
            Problem::new(Code::UnsupportedMediaType, "This must be sent as a form.")
        }
        FormRejection::BytesRejection(_) => Problem::new(Code::MalformedBody, "The form could not be read to its end."),
        _ => Problem::invalid("The form was not accepted: a field is missing or not what it should be."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(pairs: &[(&'static str, &'static str)]) -> Caller {
        let headers = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Caller {
            headers,
            base: PublicBase("https://node.example/".parse().unwrap()),
        }
    }

    fn cookie(caller: &Caller) -> String {
        caller.session_cookie("a.b.c")[0].1.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_browser_gets_the_host_cookie_and_a_command_line_the_plain_one() {
        for from_browser in [("origin", "https://node.example"), ("sec-fetch-site", "same-origin")] {
            let text = cookie(&caller(&[from_browser]));
            assert!(text.starts_with("__Host-imajin_session=a.b.c; "), "{text}");
            for part in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
                assert!(text.contains(part), "{text}");
            }
            assert!(!text.contains("Domain"), "{text}");
        }
        let text = cookie(&caller(&[]));
        assert!(
            text.starts_with("imajin_session=a.b.c; ") && text.contains("; HttpOnly"),
            "{text}"
        );
    }

    #[test]
    fn only_our_own_page_or_a_command_line_ends_a_session() {
        let ok = |pairs: &[(&'static str, &'static str)]| caller(pairs).logout_origin_require().is_ok();
        let (host, plain) = (("cookie", "__Host-imajin_session=x"), ("cookie", "imajin_session=x"));
        assert!(ok(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(ok(&[plain]));
        assert!(ok(&[
            ("authorization", "Bearer x"),
            ("origin", "https://elsewhere.example")
        ]));
        assert!(!ok(&[
            host,
            ("authorization", "Basic x"),
            ("origin", "https://elsewhere.example")
        ]));
        assert!(!ok(&[host]));
        assert!(!ok(&[host, ("sec-fetch-site", "same-site")]));
        assert!(!ok(&[host, ("origin", "https://elsewhere.example")]));
        assert!(!ok(&[plain, ("sec-fetch-site", "cross-site")]));
    }
}
