//! Decisions for a proxy that asks before it passes a request on: `forward_auth` of Caddy, `auth_request` of nginx.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use imajin_kernel::{Code, Problem};
use imajin_web::{Failure, PeerAddress};

use crate::identity::announces_body;
use crate::{Asked, Judgement, Proxy, documents};

/// The status that the decision would have as an answer: nginx understands 2xx, 401 and 403 only.
const STATUS: HeaderName = HeaderName::from_static("x-imagxp-status");

/// Where a kind of proxy says what was asked for: in these two fields, which it sets itself. The other kind's could be
/// the visitor's own.
struct Originals {
    method: &'static str,
    uri: &'static str,
}

const FORWARD_AUTH: Originals = Originals {
    method: "x-forwarded-method",
    uri: "x-forwarded-uri",
};
const AUTH_REQUEST: Originals = Originals {
    method: "x-original-method",
    uri: "x-original-uri",
};

impl Proxy {
    /// What a proxy in front asks: `/decide`, and `/decide/nginx` in the statuses that nginx understands. Beside them
    /// the documents of the site.
    ///
    /// Only the configured proxies are answered. What has a price is charged when the site, asked for the headers
    /// alone, says that there is something to read.
    pub fn decider(self: &Arc<Self>) -> Router {
        let routes = Router::new()
            .route("/decide", any(decide))
            .route("/decide/nginx", any(decide_nginx))
            .with_state(Arc::clone(self));
        documents(Arc::clone(self.gate())).merge(routes)
    }

    /// Decides about the request that the proxy in front describes.
    async fn decide(
        &self,
        asked_by: Option<PeerAddress>,
        headers: HeaderMap,
        originals: &Originals,
    ) -> Result<Response, Problem> {
        let is_known = asked_by.is_some_and(|peer| self.options().proxies.contains(&peer.0.ip().to_canonical()));
        if !is_known {
            let problem = Problem::new(Code::Forbidden, "Only the configured proxies ask for decisions.");
            return Err(problem.hint("Name the proxy's address when the gate is started."));
        }
        let (method, path) = originals.read(&headers)?;
        let (gate, url) = (self.gate(), self.gate().url(&path));
        let asked = Asked {
            method: method.as_str(),
            url: &url,
            path_and_query: &path,
            headers: &headers,
            body: None,
        };
        let passed = Response::new(Body::empty());
        match gate.judge(&asked).await {
            Judgement::Admitted(admitted) => {
                let is_priced = admitted.charge.is_some() && !gate.is_dry();
                let status = if is_priced {
                    self.worth(&method, &path, &headers).await?
                } else {
                    StatusCode::OK
                };
                if status.is_success() {
                    return Ok(gate.settle((&url, None), &admitted, passed).await);
                }
                // The site will say itself that there is nothing to read.
                gate.record_admitted(&url, &admitted, None, status.as_u16()).await;
                Ok(passed)
            }
            Judgement::Refused(refused) if gate.is_dry() => {
                let mut passed = passed;
                gate.mark_dry_refused(&mut passed, &refused);
                gate.record_refused(&url, &refused, StatusCode::OK.as_u16()).await;
                Ok(passed)
            }
            Judgement::Refused(refused) => Ok(gate.refuse_and_record(&url, &refused).await),
        }
    }
}

impl Proxy {
    /// What the site would answer to what has a price: a success, or that there is nothing to read. In front of
    /// everything else stands the gate: nobody knows whether it would be paid for.
    async fn worth(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<StatusCode, Problem> {
        // What a body asks for, nobody could say here: it is not seen.
        if !matches!(*method, Method::GET | Method::HEAD) || announces_body(headers) {
            let problem = Problem::new(
                Code::Forbidden,
                "What has a price is read here, and nothing else is done.",
            );
            return Err(problem.hint("Let the gate itself pass requests on to sell other methods."));
        }
        let status = self.probe(path, headers).await?;
        let is_nothing = status.is_redirection() || matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE);
        if status.is_success() || is_nothing {
            return Ok(status);
        }
        let detail = format!("The site answers {status} when it is asked whether there is something to read.");
        Err(Problem::new(Code::Unavailable, detail).retry_after_seconds(5))
    }
}

impl Originals {
    /// What was asked for, as the proxy in front says; each field once, so that none is a visitor's beside it.
    fn read(&self, headers: &HeaderMap) -> Result<(Method, String), Problem> {
        let text = |name: &str| {
            let mut values = headers.get_all(name).iter();
            let only = values.next().filter(|_| values.next().is_none());
            only.and_then(|value| value.to_str().ok())
        };
        let (method, path) = text(self.method).zip(text(self.uri)).ok_or_else(|| {
            let problem = Problem::invalid("The proxy does not say what was asked for.");
            problem.hint(format!("Here it sends {} and {}, each once.", self.method, self.uri))
        })?;
        let method = method
            .parse()
            .map_err(|_error| Problem::invalid("The method is none."))?;
        if !path.starts_with('/') {
            return Err(Problem::invalid("What was asked for is no path."));
        }
        Ok((method, path.to_owned()))
    }
}

async fn answered(proxy: &Proxy, request: Request, originals: &Originals) -> Response {
    let (parts, _body) = request.into_parts();
    let peer = parts.extensions.get::<PeerAddress>().copied();
    let decided = proxy.decide(peer, parts.headers, originals).await;
    let mut response = decided.unwrap_or_else(|problem| Failure(problem).into_response());
    let status = HeaderValue::from(response.status().as_u16());
    response.headers_mut().insert(STATUS, status);
    response
}

async fn decide(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    answered(&proxy, request, &FORWARD_AUTH).await
}

async fn decide_nginx(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let mut response = answered(&proxy, request, &AUTH_REQUEST).await;
    if !response.status().is_success() && response.status() != StatusCode::UNAUTHORIZED {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    response
}
