use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRef, FromRequest, FromRequestParts, OriginalUri, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{Extensions, HeaderMap, Uri, header};
use imajin_kernel::{Code, Problem};
use imajin_proof::http_sig::SignedRequest;
use serde::de::DeserializeOwned;

use crate::layers::wants_html;
use crate::paced::is_too_slow;
use crate::{Failure, PublicBase, RawRequest, SessionView, Signer, Site, Tier, Verified};

/// A JSON body of the type `T`; refusals name the member and the place.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let headers = request.headers().clone();
        let body = body_read(request, state).await?;
        Ok(Self(json_parse(&headers, &body)?))
    }
}

/// A request signed by its caller, with its JSON body.
///
/// The signature covers the method, the absolute URL as this listener's configuration gives it, the body's digest and,
/// when there is one, the idempotency key (RFC 9421, RFC 9530). `W` says who may sign: anybody who proves to be the DID
/// that they claim, or with [`crate::Authorised`] somebody of a tier.
#[derive(Debug)]
pub struct SignedBody<T, W = Verified> {
    /// The checked signature and who made it: the witness that the domain demands.
    pub verified: W,
    /// The parsed body.
    pub value: T,
    /// The request as it was received, for the mutation log and for idempotency.
    pub request: SignedRequest,
}

impl<S, T, W> FromRequest<S> for SignedBody<T, W>
where
    S: Send + Sync,
    T: DeserializeOwned,
    W: Signer,
    Site: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        signature_require(request.headers())?;
        let raw = RawRequest::from_request(request, state).await?;
        let request = raw.signed()?;
        let site = Site::from_ref(state);
        let verified = site.verify(&request, &request.method, &request.target_uri).await?;
        let verified = W::admit(verified)?;
        let value = raw.json()?;
        Ok(Self {
            verified,
            value,
            request,
        })
    }
}

/// The URL that a request was sent to, as its signature must cover it (RFC 9421 section 2.2.2).
pub fn target_uri(parts: &Parts, site: &Site) -> String {
    let base = parts.extensions.get::<PublicBase>().unwrap_or(&site.public);
    base.absolute(path_sent(&parts.uri, &parts.extensions))
}

/// The path and query of a request as they were sent, also where routes are nested in others.
pub fn path_sent<'a>(uri: &'a Uri, extensions: &'a Extensions) -> &'a str {
    let original = extensions.get::<OriginalUri>();
    let uri = original.map_or(uri, |original| &original.0);
    uri.path_and_query().map_or("/", PathAndQuery::as_str)
}

/// Refuses what has no signature at all, before anything of its body is read.
pub(crate) fn signature_require(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key("signature-input") && headers.contains_key("signature") {
        return Ok(());
    }
    let problem = Problem::new(
        Code::Unauthenticated,
        "This request changes something, so it must be signed.",
    );
    Err(problem.hint("Sign it as RFC 9421 says, with your key; a session cookie alone is not enough."))
}

pub(crate) fn signed_request(
    headers: &HeaderMap,
    method: &str,
    target_uri: &str,
    body: &Bytes,
) -> Result<SignedRequest, Problem> {
    signature_require(headers)?;
    SignedRequest::from_parts(method, target_uri, headers, body.to_vec())
        .map_err(|error| Problem::new(error.code(), error.to_string()))
}

pub(crate) async fn body_read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| match rejection {
            BytesRejection::FailedToBufferBody(inner) if inner.status() == http::StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::new(Code::BodyTooLarge, "The body is larger than this route accepts.")
            }
            rejection if is_too_slow(&rejection) => Problem::new(Code::Timeout, "The body came too slowly."),
            _ => Problem::new(Code::MalformedBody, "The body could not be read to its end."),
        })
}

pub(crate) fn json_parse<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, Problem> {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let essence = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if essence != "application/json" && !essence.ends_with("+json") && !(body.is_empty() && essence.is_empty()) {
        return Err(Problem::new(Code::UnsupportedMediaType, "The body must be JSON.")
            .hint("Send the header `Content-Type: application/json`."));
    }
    let bytes: &[u8] = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(bytes).map_err(|error| {
        if !error.is_data() {
            let detail = format!("The JSON body was not accepted: {error}.");
            return Problem::new(Code::MalformedBody, detail);
        }
        match member_wrong::<T>(bytes) {
            Some(member) => {
                Problem::invalid(format!("The JSON body was not accepted: {member}: {error}.")).with("member", member)
            }
            None => Problem::invalid(format!("The JSON body was not accepted: {error}.")),
        }
    })
}

/// Which member a body is refused for, as `tiers[0].price`; none, if it is the body as a whole. What is refused is read
/// a second time to find out, and what is accepted is not.
fn member_wrong<T: DeserializeOwned>(bytes: &[u8]) -> Option<String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let refused = serde_path_to_error::deserialize::<_, T>(&mut reader).err()?;
    let path = refused.path();
    path.iter().next().is_some().then(|| path.to_string())
}

/// Path parameters, refused with a problem document instead of plain text.
#[derive(Debug)]
pub struct PathParams<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathParams<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(rejection) => {
                Err(Problem::new(Code::NotFound, format!("No such address: {}.", rejection.body_text())).into())
            }
        }
    }
}

/// Query parameters, refused with a problem document instead of plain text.
#[derive(Debug)]
pub struct QueryParams<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryParams<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::invalid(rejection.body_text()).into()),
        }
    }
}

/// Who looks at a page or reads their own data: the session behind the cookie or the bearer token, if there is one.
///
/// A session reads. It never authorises a mutation: that takes a [`SignedBody`].
#[derive(Debug, Clone)]
pub struct Viewer {
    /// The session, or `None` for a stranger.
    pub session: Option<SessionView>,
    /// The token itself, for calls to auth on the viewer's behalf.
    pub token: Option<String>,
}

impl Viewer {
    /// The session, or a refusal that says how to get one.
    pub fn session_require(&self) -> Result<&SessionView, Problem> {
        self.session.as_ref().ok_or_else(|| {
            Problem::new(
                Code::Unauthenticated,
                "You are not logged in, or your session has ended.",
            )
            .hint("Log in at /login, or with `imajin login`.")
        })
    }

    /// The session of the node's operator, or a refusal.
    pub fn operator_require(&self) -> Result<&SessionView, Problem> {
        let session = self.session_require()?;
        if session.tier < Tier::Operator {
            let refused = Problem::new(Code::Forbidden, "Only the operator of this node may see this.");
            return Err(refused.hint("If that is you, log in with the key that claimed the node."));
        }
        Ok(session)
    }
}

/// The session cookie of browsers: no other host can set it.
const HOST_COOKIE: &str = "__Host-imajin_session";
/// The session cookie of command-line clients.
const PLAIN_COOKIE: &str = "imajin_session";

/// Whether the plain cookie counts. Any page of a sibling domain can set it in a browser, and would have its visitor
/// act in a session of somebody else; so where there is HTTPS, what comes from a browser needs the other one.
fn plain_cookie_counts(headers: &HeaderMap, is_https: bool) -> bool {
    let is_browser = headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
    !is_https || !is_browser && !wants_html(headers)
}

pub(crate) fn session_token(headers: &HeaderMap, is_https: bool) -> Option<String> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if let Some(token) = bearer {
        return Some(token.trim().to_owned());
    }
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let pairs: Vec<(&str, &str)> = cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .collect();
    let find = |name: &str| pairs.iter().find(|(key, _)| *key == name);
    let plain = || find(PLAIN_COOKIE).filter(|_pair| plain_cookie_counts(headers, is_https));
    find(HOST_COOKIE).or_else(plain).map(|(_, token)| (*token).to_owned())
}

impl<S> FromRequestParts<S> for Viewer
where
    S: Send + Sync,
    Site: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let site = Site::from_ref(state);
        let base = parts.extensions.get::<PublicBase>().unwrap_or(&site.public);
        let Some(token) = session_token(&parts.headers, base.0.scheme() == "https") else {
            return Ok(Self {
                session: None,
                token: None,
            });
        };
        let session = site.identities.session_view(&token).await?;
        let token = session.is_some().then_some(token);
        Ok(Self { session, token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            header::HeaderName::from_static(name),
            header::HeaderValue::from_static(value),
        )])
    }

    #[test]
    fn the_host_cookie_wins_over_the_plain_one() {
        let map = headers("cookie", "imajin_session=plain; a=b; __Host-imajin_session=host");
        assert_eq!(session_token(&map, true).as_deref(), Some("host"));
        assert_eq!(
            session_token(&headers("cookie", "imajin_session=plain"), true).as_deref(),
            Some("plain")
        );
        assert_eq!(
            session_token(&headers("authorization", "Bearer abc"), true).as_deref(),
            Some("abc")
        );
        assert_eq!(session_token(&headers("cookie", "other=1"), true), None);
    }

    #[test]
    fn a_cookie_that_a_sibling_domain_can_set_is_nobodys_session_in_a_browser() {
        for (name, value) in [
            ("sec-fetch-site", "none"),
            ("origin", "https://node.example"),
            ("accept", "text/html,*/*"),
        ] {
            let mut map = headers("cookie", "imajin_session=plain");
            map.extend(headers(name, value));
            assert_eq!(session_token(&map, true), None, "{name}");
            // A browser keeps the other cookie only where there is HTTPS.
            assert_eq!(session_token(&map, false).as_deref(), Some("plain"), "{name}");
        }
    }

    #[test]
    fn json_refusals_say_what_was_wrong() {
        #[derive(Debug, serde::Deserialize)]
        struct Body {
            #[expect(dead_code, reason = "only its presence is tested")]
            quantity: u32,
        }
        let json = headers("content-type", "application/json");
        let problem = json_parse::<Body>(&json, &Bytes::from_static(b"{\"quantity\":-1}")).unwrap_err();
        assert_eq!(problem.code, Code::InvalidRequest);
        assert_eq!(problem.extra["member"], "quantity");
        let problem = json_parse::<Vec<Body>>(&json, &Bytes::from_static(b"[{\"quantity\":\"1\"}]")).unwrap_err();
        assert_eq!(problem.extra["member"], "[0].quantity");
        assert!(
            problem.detail.contains("[0].quantity: invalid type"),
            "{}",
            problem.detail
        );
        let problem = json_parse::<Body>(&json, &Bytes::from_static(b"[]")).unwrap_err();
        assert!(!problem.extra.contains_key("member"), "{problem:?}");
        let problem = json_parse::<Body>(&json, &Bytes::from_static(b"{\"quantity\":")).unwrap_err();
        assert_eq!(problem.code, Code::MalformedBody);
        let text = headers("content-type", "text/plain");
        let problem = json_parse::<Body>(&text, &Bytes::from_static(b"{}")).unwrap_err();
        assert_eq!(problem.code, Code::UnsupportedMediaType);
    }
}
