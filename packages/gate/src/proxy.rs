//! A reverse proxy in front of a site that is not ours, with the gate between.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, FORWARDED, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use hyper_util::rt::TokioIo;
use imajin_imagxp::visa::{CREDENTIAL, PAYMENT};
use imajin_imagxp::x402::PAYMENT_SIGNATURE;
use imajin_imagxp::{ROBOTS_BYTES_MAX, VisitorType};
use imajin_kernel::{Code, Problem};
use imajin_web::{Failure, Forwarded, Forwarder, PeerAddress};
use tokio_util::task::TaskTracker;
use url::Url;

use crate::{Admitted, Gate, documents, gated};

/// How long the site may pause within an answer.
const PAUSE: Duration = Duration::from_mins(5);

/// Fields that are about one connection only (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 7] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Who asks, for the site: set here and nowhere else.
const AGENT: HeaderName = HeaderName::from_static("x-imagxp-agent-id");
const VISITOR: HeaderName = HeaderName::from_static("x-imagxp-visitor");

/// How a proxy behaves.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// The site.
    pub upstream: Url,
    /// The proxies in front of this one, whose word about the visitor's address counts.
    pub proxies: Vec<IpAddr>,
    /// The node beside which the gate runs, if there is one: it is never proxied.
    pub node: Option<Url>,
}

/// The proxy.
pub struct Proxy {
    gate: Arc<Gate>,
    options: ProxyOptions,
    forwarder: Forwarder,
    tasks: TaskTracker,
}

impl Proxy {
    /// A proxy for one site.
    ///
    /// # Errors
    /// When the site is the gate itself or the node, or no site at all.
    pub fn new(gate: Arc<Gate>, options: ProxyOptions, tasks: TaskTracker) -> Result<Arc<Self>, Problem> {
        let upstream = &options.upstream;
        let is_site = matches!(upstream.scheme(), "http" | "https") && upstream.has_host() && upstream.path() == "/";
        if !is_site || upstream.query().is_some() {
            return Err(Problem::invalid(
                "The site is an origin, for example http://127.0.0.1:8080.",
            ));
        }
        let node = options.node.as_ref().map(Url::origin);
        let own = Url::parse(gate.origin()).ok().map(|url| url.origin());
        if [node, own].contains(&Some(upstream.origin())) {
            let detail = "The gate does not stand in front of itself or of the node.";
            return Err(Problem::new(Code::InvalidRequest, detail).hint("Name the site that it stands in front of."));
        }
        Ok(Arc::new(Self {
            gate,
            options,
            forwarder: Forwarder::patient(PAUSE)?,
            tasks,
        }))
    }

    /// Everything that the gate answers: its documents, and the site behind the layer.
    pub fn router(self: &Arc<Self>) -> Router {
        let site = Router::new()
            .fallback(pass)
            .with_state(Arc::clone(self))
            .layer(from_fn_with_state(Arc::clone(&self.gate), gated));
        let robots = Router::new()
            .route("/robots.txt", get(robots))
            .with_state(Arc::clone(self));
        documents(Arc::clone(&self.gate))
            .merge(robots)
            .fallback_service(site)
            // Bodies are streamed: how much a site takes, it says itself.
            .layer(DefaultBodyLimit::disable())
    }

    pub(crate) const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    pub(crate) const fn options(&self) -> &ProxyOptions {
        &self.options
    }

    /// What the site would answer, by its headers alone.
    pub(crate) async fn probe(&self, path_and_query: &str, headers: &HeaderMap) -> Result<StatusCode, Problem> {
        let url = self.target(path_and_query)?;
        let headers = self.site_headers(headers.clone(), None, None);
        let (status, ..) = self.forwarder.send(Method::HEAD, url, headers, Body::empty()).await?;
        Ok(status)
    }

    fn target(&self, path_and_query: &str) -> Result<Url, Problem> {
        let wrong = || Problem::invalid("The path cannot be passed on.");
        let url = self.options.upstream.join(path_and_query).map_err(|_error| wrong())?;
        // A path such as //elsewhere would be another host.
        (url.origin() == self.options.upstream.origin())
            .then_some(url)
            .ok_or_else(wrong)
    }

    /// The headers of a request as the site gets them.
    fn site_headers(
        &self,
        mut headers: HeaderMap,
        peer: Option<IpAddr>,
        admitted: Option<&Arc<Admitted>>,
    ) -> HeaderMap {
        hops_remove(&mut headers);
        // A promise of money is for the gate, and for nobody behind it.
        for name in [CREDENTIAL, PAYMENT, PAYMENT_SIGNATURE, AGENT, VISITOR, HOST] {
            headers.remove(name);
        }
        let is_license = |value: &HeaderValue| {
            value
                .to_str()
                .is_ok_and(|text| text.to_ascii_lowercase().starts_with("license"))
        };
        if headers.get(AUTHORIZATION).is_some_and(is_license) {
            headers.remove(AUTHORIZATION);
        }
        let is_known = peer.is_some_and(|peer| self.options.proxies.contains(&peer));
        let before = headers.remove(FORWARDED_FOR).filter(|_| is_known);
        if !is_known {
            headers.remove(FORWARDED);
        }
        let before = before.and_then(|value| value.to_str().map(|text| format!("{text}, ")).ok());
        if let Some(peer) = peer {
            set(
                &mut headers,
                &FORWARDED_FOR,
                &format!("{}{peer}", before.unwrap_or_default()),
            );
        }
        let public = self.gate.origin();
        let scheme = public.split_once("://").map_or("http", |(scheme, _)| scheme);
        set(&mut headers, &FORWARDED_PROTO, scheme);
        set(&mut headers, &FORWARDED_HOST, self.gate.audience());
        if let Some(admitted) = admitted {
            set(&mut headers, &VISITOR, admitted.visitor.as_str());
            let agent = admitted
                .identity
                .as_ref()
                .filter(|_| admitted.visitor == VisitorType::VerifiedAgent);
            if let Some(identity) = agent {
                set(&mut headers, &AGENT, identity.agent.as_str());
            }
        }
        headers
    }

    async fn forward(self: &Arc<Self>, mut request: Request) -> Result<Response, Problem> {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str)
            .to_owned();
        let url = self.target(&path)?;
        let peer = request
            .extensions()
            .get::<PeerAddress>()
            .map(|peer| peer.0.ip().to_canonical());
        let admitted = request.extensions().get::<Arc<Admitted>>();
        let mut headers = self.site_headers(request.headers().clone(), peer, admitted);
        let upgrade = upgrade_of(&request);
        let Some(protocol) = upgrade else {
            let (parts, body) = request.into_parts();
            let (status, headers, body) = self.forwarder.send(parts.method, url, headers, body).await?;
            return Ok(answer(status, headers, body));
        };
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol.clone());
        let client = hyper::upgrade::on(&mut request);
        let method = request.method().clone();
        match self.forwarder.send_upgrade(method, url, headers).await? {
            (status, headers, Forwarded::Body(body)) => Ok(answer(status, headers, body)),
            (status, headers, Forwarded::Upgraded(mut site)) => {
                self.tasks.spawn(async move {
                    let Ok(client) = client.await else { return };
                    // Either side may end it at any time.
                    let _ended = tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut site).await;
                });
                let mut response = answer(status, headers, Body::empty());
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("upgrade"));
                response.headers_mut().insert(UPGRADE, protocol);
                Ok(response)
            }
        }
    }
}

async fn pass(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    match proxy.forward(request).await {
        Ok(response) => response,
        Err(problem) if problem.code == Code::Unavailable => {
            let detail = "The site behind the gate does not answer.";
            Failure(Problem::new(Code::Unavailable, detail).retry_after_seconds(5)).into_response()
        }
        Err(problem) => Failure(problem).into_response(),
    }
}

/// The site's own robots.txt, with the lines of the policy after it.
async fn robots(State(proxy): State<Arc<Proxy>>) -> Response {
    let lines = proxy.gate.policy().robots_lines(&proxy.gate.links());
    let own = match proxy.target("/robots.txt") {
        Ok(url) => proxy
            .forwarder
            .send(Method::GET, url, HeaderMap::new(), Body::empty())
            .await
            .ok(),
        Err(_) => None,
    };
    let own = own.filter(|(status, ..)| *status == StatusCode::OK);
    let mut text = match own {
        Some((_status, _headers, body)) => to_bytes(body, ROBOTS_BYTES_MAX).await.unwrap_or_default().to_vec(),
        None => Vec::new(),
    };
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend_from_slice(lines.as_bytes());
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn answer(status: StatusCode, mut headers: HeaderMap, body: Body) -> Response {
    hops_remove(&mut headers);
    // What the gate says, only the gate says.
    let own: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_of_gate(name.as_str()))
        .cloned()
        .collect();
    for name in own {
        headers.remove(name);
    }
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn is_of_gate(name: &str) -> bool {
    ["x-imagxp-", "crawler-", "payment-"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Removes what is about one connection only, also what `Connection` names.
fn hops_remove(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP).chain([&KEEP_ALIVE]) {
        headers.remove(name);
    }
}

/// The protocol that the client wants to change to.
fn upgrade_of(request: &Request) -> Option<HeaderValue> {
    let wants = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        text.split(',').any(|word| word.trim() == "upgrade")
    };
    let is_wanted = request.headers().get_all(CONNECTION).iter().any(wants);
    let is_get = request.method() == Method::GET;
    request.headers().get(UPGRADE).filter(|_| is_wanted && is_get).cloned()
}

fn set(headers: &mut HeaderMap, name: &HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
