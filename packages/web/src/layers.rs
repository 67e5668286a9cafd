use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use imajin_kernel::{Code, Env, Problem};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use crate::failure::problem_response;
use crate::limits::RateLimit;
use crate::paced::paced;
use crate::shares::Shares;
use crate::{Limits, PeerAddress, PublicBase, status_of};

/// Renders a problem as a page for a person; the last argument is the request's id.
pub type ErrorPage = fn(&Problem, StatusCode, &str) -> Response;

/// How the shell around a listener's routes behaves.
#[derive(Clone)]
pub struct ShellOptions {
    /// Time and randomness.
    pub env: Env,
    /// The URL under which the listener is reached.
    pub public: PublicBase,
    /// Bounds for every request.
    pub limits: Limits,
    /// The page that a browser gets for a problem; without one it gets the JSON document.
    pub error_page: Option<ErrorPage>,
}

struct ShellState {
    options: ShellOptions,
    rate: RateLimit,
    slots: Semaphore,
    /// How many of the slots each address has.
    shares: Shares<IpAddr>,
}

/// Wraps the routes of a listener: request ids, logs, metrics, limits, security headers, problem documents, and an
/// answer even when a handler panics.
pub fn shell(routes: Router, options: ShellOptions) -> Router {
    let body_bytes_max = options.limits.body_bytes_max;
    let state = Arc::new(ShellState {
        rate: RateLimit::new(&options.limits),
        slots: Semaphore::new(options.limits.concurrency_max),
        shares: Shares::new(options.limits.concurrency_each_max),
        options,
    });
    routes
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(CatchPanicLayer::custom(|_panic: Box<dyn std::any::Any + Send>| {
            tracing::error!("a handler panicked");
            problem_response(Problem::internal(), None)
        }))
        .layer(middleware::from_fn_with_state(state, around))
}

/// Counts the requests of each remote address, for routes that are not within a [`shell`]: streams, say, that may take
/// as long as they like. `exempt` are proxies in front, behind which many visitors have one address.
pub fn rate_limited(routes: Router, limits: &Limits, exempt: Vec<IpAddr>) -> Router {
    let state = Arc::new((RateLimit::new(limits), exempt));
    routes.layer(middleware::from_fn_with_state(state, count))
}

async fn count(State(state): State<Arc<(RateLimit, Vec<IpAddr>)>>, request: Request, next: Next) -> Response {
    let (rate, exempt) = state.as_ref();
    let peer = request.extensions().get::<PeerAddress>();
    let is_exempt = peer.is_some_and(|peer| exempt.contains(&peer.0.ip().to_canonical()));
    let counted = PeerAddress::counted(request.extensions()).filter(|_address| !is_exempt);
    match counted.map_or(Ok(()), |address| rate.check(address)) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem_response(problem, None),
    }
}

async fn around(State(shell): State<Arc<ShellState>>, mut request: Request, next: Next) -> Response {
    let request_id = shell.options.env.new_id::<imajin_kernel::id::Request>().to_string();
    let method = method_known(request.method());
    let span = tracing::info_span!("request", id = %request_id, method, path = request.uri().path());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let wants_html = wants_html(request.headers());
    request.extensions_mut().insert(shell.options.public.clone());
    let started = Instant::now();
    let response = answer(&shell, request, next).instrument(span.clone()).await;
    let response = finish(&shell.options, response, &request_id, wants_html);
    let elapsed = started.elapsed();
    record(method, route.as_deref(), response.status(), elapsed);
    span.in_scope(|| {
        let status = response.status().as_u16();
        let elapsed_ms = elapsed.as_millis();
        // Reading is too frequent to be written down on a small board's card; changes and refusals are not.
        if response.status().is_server_error() {
            tracing::warn!(status, elapsed_ms, "answered");
        } else if response.status().is_client_error() || method != "GET" {
            tracing::info!(status, elapsed_ms, "answered");
        } else {
            tracing::debug!(status, elapsed_ms, "answered");
        }
    });
    response
}

async fn answer(shell: &ShellState, request: Request, next: Next) -> Response {
    let counted = PeerAddress::counted(request.extensions());
    if let Some(Err(problem)) = counted.map(|address| shell.rate.check(address)) {
        return problem_response(problem, None);
    }
    // Not one address holds all the slots, whatever it sends and however slowly.
    let share = counted.map(|address| shell.shares.take(address));
    if matches!(share, Some(None)) {
        let problem = Problem::new(
            Code::RateLimited,
            "Too many requests of your address are being answered.",
        );
        let problem = problem.hint("Wait for answers before you ask more.");
        return problem_response(problem.retry_after_seconds(1), None);
    }
    let request = paced(request, shell.options.limits.body_timeout);
    let limited = async {
        let Ok(_slot) = shell.slots.acquire().await else {
            return problem_response(Problem::unavailable("This node"), None);
        };
        next.run(request).await
    };
    match tokio::time::timeout(shell.options.limits.request_timeout, limited).await {
        Ok(response) => response,
        Err(_elapsed) => {
            let problem = Problem::new(Code::Timeout, "The answer took too long and was given up.");
            problem_response(
                problem.hint("Try again; use the same idempotency key if you sent one."),
                None,
            )
        }
    }
}

/// Whether a person looks at the answer.
pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    accept.split(',').any(|part| part.trim().starts_with("text/html"))
}

/// Gives every refusal its document (or page) with the request id, and every answer its security headers.
fn finish(options: &ShellOptions, response: Response, request_id: &str, wants_html: bool) -> Response {
    let problem = response
        .extensions()
        .get::<Problem>()
        .cloned()
        .or_else(|| foreign_problem(&response));
    let mut response = match (problem, options.error_page) {
        (Some(problem), Some(page)) if wants_html => {
            let mut rendered = page(&problem, status_of(problem.code), request_id);
            carry_over(&response, &mut rendered);
            rendered
        }
        (Some(problem), _) => {
            let mut rendered = problem_response(problem, Some(request_id.to_owned()));
            carry_over(&response, &mut rendered);
            rendered
        }
        (None, _) => response,
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", value);
    }
    for (name, value) in SECURITY_HEADERS {
        headers
            .entry(HeaderName::from_static(name))
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Cookies, the list of allowed methods, who may read the answer, and what is said about the manifest of a work that
/// must be paid first outlive the rendering of a refusal.
fn carry_over(from: &Response, to: &mut Response) {
    let kept = [
        header::SET_COOKIE,
        header::ALLOW,
        header::LINK,
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderName::from_static("x-fair-digest"),
    ];
    for name in kept {
        for value in from.headers().get_all(&name) {
            to.headers_mut().append(name.clone(), value.clone());
        }
    }
}

const SECURITY_HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(self), geolocation=(), microphone=()"),
];

/// Refusals of the router itself (no route, wrong method) come without a body of ours.
fn foreign_problem(response: &Response) -> Option<Problem> {
    if response.headers().contains_key(header::CONTENT_TYPE) {
        return None;
    }
    match response.status() {
        StatusCode::NOT_FOUND => Some(Problem::new(Code::NotFound, "There is nothing at this address.")),
        StatusCode::METHOD_NOT_ALLOWED => Some(Problem::new(
            Code::MethodNotAllowed,
            "This address does not take this method.",
        )),
        StatusCode::PAYLOAD_TOO_LARGE => Some(Problem::new(
            Code::BodyTooLarge,
            "The body is larger than this route accepts.",
        )),
        _ => None,
    }
}

/// The method as logs and metrics name it: whatever strangers make up is one thing.
fn method_known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

fn record(method: &'static str, route: Option<&str>, status: StatusCode, elapsed: Duration) {
    let labels = [
        ("method", method.to_owned()),
        ("route", route.unwrap_or("none").to_owned()),
        ("status", status.as_u16().to_string()),
    ];
    metrics::counter!("imajin_http_requests_total", &labels).increment(1);
    metrics::histogram!("imajin_http_request_seconds", "route" => route.unwrap_or("none").to_owned())
        .record(elapsed.as_secs_f64());
}
