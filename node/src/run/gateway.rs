use axum::Router;
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use imajin_kernel::Problem;
use imajin_web::{FORWARDED_FOR, Failure, Forwarder, PeerAddress};
use url::Url;

use super::StartError;
use crate::config::ServiceName;

/// Headers that belong to one connection and are not passed on (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

#[derive(Clone)]
struct Target {
    base: Url,
    forwarder: Forwarder,
}

impl Target {
    fn new(base: &Url) -> Result<Self, StartError> {
        let forwarder = Forwarder::new().map_err(|problem| StartError::Configuration(problem.to_string()))?;
        Ok(Self {
            base: base.clone(),
            forwarder,
        })
    }
}

/// Passes requests on to the process that runs a service, unchanged: the other process is configured with the same
/// public URL, so signatures over it stay valid.
pub(super) fn forward_to(base: &Url) -> Result<Router, StartError> {
    Ok(Router::new().fallback(forward).with_state(Target::new(base)?))
}

/// What is passed on for a service: its interface, and those of its pages that do not belong to `www`.
pub(super) fn paths(service: ServiceName) -> Vec<String> {
    let pages: &[&str] = match service {
        ServiceName::Auth => &[
            "onboard",
            "oidc",
            "federation",
            "passkeys",
            "sessions",
            "grants",
            "notices",
            "peers",
            ".well-known",
        ],
        ServiceName::Pay => &["checkout", "solana", "operator", "fees"],
        ServiceName::Publisher => &["content", "operator"],
        ServiceName::Registry => &["nic"],
        ServiceName::Broker => &["issue-visa", "oauth", "operator", "account", ".well-known"],
        ServiceName::Events
        | ServiceName::Connections
        | ServiceName::Profile
        | ServiceName::Query
        | ServiceName::Www => &[],
    };
    ["api"]
        .iter()
        .chain(pages)
        .map(|first| format!("/{service}/{first}"))
        .collect()
}

/// What of a service stands at the root of the node: in auth's case what others look for at well-known addresses, and
/// the resolver of DIDs.
pub(super) fn root_routes(service: ServiceName, base: &Url) -> Result<Router, StartError> {
    let paths: &[&str] = match service {
        ServiceName::Auth => &[
            "/.well-known/did.json",
            "/.well-known/jwks.json",
            "/.well-known/openid-configuration/auth",
            "/.well-known/oauth-authorization-server/auth",
            "/1.0/identifiers/{did}",
        ],
        ServiceName::Broker => &["/issue-visa", "/.well-known/oauth-authorization-server/broker"],
        _ => &[],
    };
    routes_to(paths, base)
}

/// Passes requests for some paths on to another process.
pub(super) fn routes_to(paths: &[&str], base: &Url) -> Result<Router, StartError> {
    let routes = paths
        .iter()
        .fold(Router::new(), |router, path| router.route(path, any(forward)));
    Ok(routes.with_state(Target::new(base)?))
}

async fn forward(State(target): State<Target>, OriginalUri(uri): OriginalUri, request: Request) -> Response {
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let Ok(url) = target.base.join(path) else {
        return Failure(Problem::invalid("The path cannot be passed on.")).into_response();
    };
    let (mut parts, body) = request.into_parts();
    for name in &HOP_BY_HOP {
        parts.headers.remove(name);
    }
    parts.headers.remove(header::HOST);
    // What the client says about itself is not passed on; the other process believes this one if it is configured to.
    parts.headers.remove(FORWARDED_FOR);
    let client = parts.extensions.get::<PeerAddress>();
    let client = client.and_then(|client| HeaderValue::from_str(&client.0.ip().to_canonical().to_string()).ok());
    if let Some(client) = client {
        parts.headers.insert(FORWARDED_FOR, client);
    }
    match target.forwarder.send(parts.method, url, parts.headers, body).await {
        Ok((status, mut headers, body)) => {
            for name in &HOP_BY_HOP {
                headers.remove(name);
            }
            let mut response = Response::new(body);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            response
        }
        Err(problem) => Failure(problem).into_response(),
    }
}
