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

use crate::{Asked, Judgement, Proxy, documents};

/// The status that the decision would have as an answer: nginx understands 2xx, 401 and 403 only.
const STATUS: HeaderName = HeaderName::from_static("x-imagxp-status");

/// Where the two kinds of proxies say what was asked for.
const ORIGINALS: [(&str, &str); 2] = [
    ("x-forwarded-method", "x-forwarded-uri"),
    ("x-original-method", "x-original-uri"),
];

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
    async fn decide(&self, asked_by: Option<PeerAddress>, headers: HeaderMap) -> Result<Response, Problem> {
        let is_known = asked_by.is_some_and(|peer| self.options().proxies.contains(&peer.0.ip().to_canonical()));
        if !is_known {
            let problem = Problem::new(Code::Forbidden, "Only the configured proxies ask for decisions.");
            return Err(problem.hint("Name the proxy's address when the gate is started."));
        }
        let (method, path) = original_of(&headers)?;
        let (gate, url) = (self.gate(), self.gate().url(&path));
        let asked = Asked {
            method: method.as_str(),
            url: &url,
            path_and_query: &path,
            headers: &headers,
        };
        let passed = Response::new(Body::empty());
        match gate.judge(&asked).await {
            Judgement::Admitted(admitted) => {
                let is_priced = admitted.charge.is_some() && !gate.is_dry();
                let status = if is_priced {
                    self.probe(&path, &headers).await?
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

/// What was asked for, as the proxy in front says.
fn original_of(headers: &HeaderMap) -> Result<(Method, String), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let found = ORIGINALS.iter().find_map(|(method, uri)| text(method).zip(text(uri)));
    let (method, path) = found.ok_or_else(|| {
        let problem = Problem::invalid("The proxy does not say what was asked for.");
        problem.hint("It sends x-forwarded-method and x-forwarded-uri, or x-original-method and x-original-uri.")
    })?;
    let method = method
        .parse()
        .map_err(|_error| Problem::invalid("The method is none."))?;
    if !path.starts_with('/') {
        return Err(Problem::invalid("What was asked for is no path."));
    }
    Ok((method, path.to_owned()))
}

async fn answered(proxy: &Proxy, request: Request) -> Response {
    let (parts, _body) = request.into_parts();
    let peer = parts.extensions.get::<PeerAddress>().copied();
    let decided = proxy.decide(peer, parts.headers).await;
    let mut response = decided.unwrap_or_else(|problem| Failure(problem).into_response());
    let status = HeaderValue::from(response.status().as_u16());
    response.headers_mut().insert(STATUS, status);
    response
}

async fn decide(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    answered(&proxy, request).await
}

async fn decide_nginx(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let mut response = answered(&proxy, request).await;
    if !response.status().is_success() && response.status() != StatusCode::UNAUTHORIZED {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    response
}
