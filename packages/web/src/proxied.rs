//! Whom a request comes from that a proxy in front has passed on.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap};
use axum::middleware::{self, Next};
use axum::response::Response;

use crate::PeerAddress;

/// Where proxies write down whom they have passed a request on for, each behind the one before it.
pub const FORWARDED_FOR: &str = "x-forwarded-for";

/// That a trusted proxy has passed the request on.
#[derive(Debug, Clone, Copy)]
struct ByProxy;

/// Believes the proxies in front about whom a request comes from: everything within sees that address as
/// [`PeerAddress`]. Headers of anybody else change nothing.
pub fn behind_proxies(routes: Router, trusted: Vec<IpAddr>) -> Router {
    if trusted.is_empty() {
        return routes;
    }
    routes.layer(middleware::from_fn_with_state(Arc::new(trusted), believe))
}

/// Whether [`PeerAddress`] is what a trusted proxy says.
pub(crate) fn came_by_proxy(extensions: &Extensions) -> bool {
    extensions.get::<ByProxy>().is_some()
}

async fn believe(State(trusted): State<Arc<Vec<IpAddr>>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
    if let Some(peer) = peer.filter(|peer| trusted.contains(&peer.ip().to_canonical()))
        && request.headers().contains_key(FORWARDED_FOR)
    {
        let client = client_of(request.headers(), &trusted);
        let client = client.map_or(peer, |client| SocketAddr::new(client, 0));
        request.extensions_mut().insert(PeerAddress(client));
        request.extensions_mut().insert(ByProxy);
    }
    next.run(request).await
}

/// The last address in the list that is none of the proxies: what stands before it anybody may have written. Nobody, if
/// something else than an address stands there.
fn client_of(headers: &HeaderMap, trusted: &[IpAddr]) -> Option<IpAddr> {
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    for line in lines {
        for entry in line.to_str().ok()?.rsplit(',') {
            let address = address_parse(entry.trim())?;
            if !trusted.contains(&address) {
                return Some(address);
            }
        }
    }
    None
}

/// Some proxies write the port, too.
fn address_parse(text: &str) -> Option<IpAddr> {
    let plain = text.trim_start_matches('[').trim_end_matches(']');
    let address = plain.parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_last_address_that_is_no_proxy_is_the_client() {
        let client = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
            }
            let trusted = ["127.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
            client_of(&headers, &trusted).map(|address| address.to_string())
        };
        assert_eq!(client(&["192.0.2.1"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(
            client(&["192.0.2.9, 192.0.2.1, 10.0.0.2"]).as_deref(),
            Some("192.0.2.1")
        );
        assert_eq!(client(&["192.0.2.9", "192.0.2.1:4711"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(client(&["[2001:db8::1]:443"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(client(&["[2001:db8::1]"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(client(&["::ffff:192.0.2.1"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(client(&["192.0.2.1, unknown"]), None);
        assert_eq!(client(&["10.0.0.2"]), None);
    }
}
