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
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, FORWARDED, HOST, HeaderName, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use imajin_imagxp::visa::{CREDENTIAL, PAYMENT};
use imajin_imagxp::x402::PAYMENT_SIGNATURE;
use imajin_imagxp::{ROBOTS_BYTES_MAX, VisitorType, path_normal};
use imajin_kernel::{Code, Problem};
use imajin_web::{Failure, Forwarded, Forwarder, PeerAddress};
use url::Url;

use crate::identity::upgrade_of;
use crate::{Admitted, Gate, Tunnels, documents, gated};

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
const OTHER_TARGETS: [HeaderName; 6] = [
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
    HeaderName::from_static("x-original-uri"),
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];
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
    tunnels: Tunnels,
}

impl Proxy {
    /// A proxy for one site.
    ///
    /// # Errors
    /// When the site is the gate itself or the node, or no site at all.
    pub fn new(gate: Arc<Gate>, options: ProxyOptions, tunnels: Tunnels) -> Result<Arc<Self>, Problem> {
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
            tunnels,
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

    /// What the site would answer, by its headers alone; asked like a page where it does not know `HEAD`.
    pub(crate) async fn probe(&self, path_and_query: &str, headers: &HeaderMap) -> Result<StatusCode, Problem> {
        let url = self.target(path_and_query)?;
        let mut headers = self.site_headers(headers.clone(), None, None);
        headers.remove(CONTENT_LENGTH);
        // One address may have several sites, of which this is the one that is asked about.
        set(&mut headers, &HOST, self.gate.audience());
        let ask = |method| self.forwarder.ask(method, url.clone(), headers.clone());
        match ask(Method::HEAD).await? {
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED | StatusCode::NOT_FOUND => {
                ask(Method::GET).await
            }
            status => Ok(status),
        }
    }

    /// Where a request goes: to the very path that was judged.
    fn target(&self, path_and_query: &str) -> Result<Url, Problem> {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let mut url = self.options.upstream.clone();
        url.set_path(path);
        url.set_query(query);
        (path_normal(url.path()) == path_normal(path))
            .then_some(url)
            .ok_or_else(|| Problem::invalid("The path cannot be passed on."))
    }

    /// The headers of a request as the site gets them.
    fn site_headers(
        &self,
        mut headers: HeaderMap,
        peer: Option<IpAddr>,
        admitted: Option<&Arc<Admitted>>,
    ) -> HeaderMap {
        hops_remove(&mut headers);
        misread_remove(&mut headers);
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
        // A proxy may add a line of its own to what the visitor has sent: the last word is the proxy's.
        let said = headers.get_all(FORWARDED_FOR).iter().filter(|_| is_known);
        let mut hops: Vec<String> = said
            .filter_map(|value| value.to_str().map(str::to_owned).ok())
            .collect();
        headers.remove(FORWARDED_FOR);
        if !is_known {
            headers.remove(FORWARDED);
        }
        if let Some(peer) = peer {
            hops.push(peer.to_string());
            set(&mut headers, &FORWARDED_FOR, &hops.join(", "));
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
        let is_get = request.method() == Method::GET;
        let Some(protocol) = upgrade_of(request.headers()).filter(|_| is_get) else {
            let (parts, body) = request.into_parts();
            let (status, headers, body) = self.forwarder.send(parts.method, url, headers, body).await?;
            return Ok(answer(status, headers, body));
        };
        let slot = self.tunnels.slot()?;
        headers.remove(CONTENT_LENGTH);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol.clone());
        let client = hyper::upgrade::on(&mut request);
        let method = request.method().clone();
        match self.forwarder.send_upgrade(method, url, headers).await? {
            (status, headers, Forwarded::Body(body)) => Ok(answer(status, headers, body)),
            (status, headers, Forwarded::Upgraded(site)) => {
                self.tunnels.start(slot, client, site);
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

/// Removes what a site could take for something else than it is: names with `_`, which many cannot tell from those with
/// `-`, and other ways to say which page is asked for than the one that was judged.
fn misread_remove(headers: &mut HeaderMap) {
    let underscored: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().contains('_'))
        .cloned()
        .collect();
    for name in underscored.iter().chain(&OTHER_TARGETS) {
        headers.remove(name);
    }
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

fn set(headers: &mut HeaderMap, name: &HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
