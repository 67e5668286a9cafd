//! The update URL that routers know: dyndns2.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imajin_web::{Failure, PeerAddress, QueryParams};
use serde::Deserialize;

use crate::RegistryError;
use crate::domain::credentials::{Presented, presented_lock};
use crate::domain::publication;
use crate::names::{LookupKey, lookup_key};
use crate::registry::Registry;

/// What leaves the addresses of one kind as they are.
const PRESERVE: &str = "preserve";

/// Addresses of a name at most.
const ADDRESSES_MAX: usize = 8;

/// The parameters that mean something here; routers send many others.
#[derive(Debug, Default, Deserialize)]
pub(super) struct DyndnsUpdate {
    hostname: Option<String>,
    myip: Option<String>,
    myipv4: Option<String>,
    myipv6: Option<String>,
}

/// What the protocol answers.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Good(String),
    NoChange(String),
    BadAuth,
    NotFqdn,
    NoHost,
    BadAddress,
    Abuse(u32),
    Failed,
}

impl IntoResponse for Word {
    fn into_response(self) -> Response {
        let (status, text) = match &self {
            Self::Good(addresses) => (StatusCode::OK, format!("good {addresses}")),
            Self::NoChange(addresses) => (StatusCode::OK, format!("nochg {addresses}")),
            Self::BadAuth => (StatusCode::UNAUTHORIZED, "badauth".to_owned()),
            Self::NotFqdn => (StatusCode::OK, "notfqdn".to_owned()),
            Self::NoHost => (StatusCode::OK, "nohost".to_owned()),
            Self::BadAddress => (StatusCode::OK, "dnserr".to_owned()),
            Self::Abuse(_) => (StatusCode::TOO_MANY_REQUESTS, "abuse".to_owned()),
            Self::Failed => (StatusCode::SERVICE_UNAVAILABLE, "911".to_owned()),
        };
        let mut response = (status, format!("{text}\n")).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Self::Abuse(seconds) = self {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"registry\""),
            );
        }
        response
    }
}

impl From<RegistryError> for Word {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Credentials | RegistryError::Expired(_) | RegistryError::Revoked { .. } => Self::BadAuth,
            RegistryError::Limited { retry_after_seconds } => Self::Abuse(retry_after_seconds),
            error => {
                tracing::warn!(%error, "an update of a name was not made");
                Self::Failed
            }
        }
    }
}

/// Sets the addresses of a name, as routers and `ddclient` do it (dyndns2).
///
/// Without an address it is that of the connection. What is not said, or said to be `preserve`, stays as it is, and a
/// name is never left without an address. The answer is one word of the protocol, and the addresses.
#[utoipa::path(
    get, path = "/nic/update", tag = "names",
    params(
        ("hostname" = String, Query, description = "the full name"),
        ("myip" = Option<String>, Query, description = "addresses, with commas"),
        ("myipv4" = Option<String>, Query, description = "an IPv4 address, or `preserve`"),
        ("myipv6" = Option<String>, Query, description = "an IPv6 address, or `preserve`"),
    ),
    responses(
        (status = 200, description = "good, nochg, nohost or dnserr", body = String, content_type = "text/plain"),
        (status = 401, description = "badauth", body = String, content_type = "text/plain"),
        (status = 429, description = "abuse; see Retry-After", body = String, content_type = "text/plain"),
        (status = 503, description = "911", body = String, content_type = "text/plain"),
    )
)]
pub(super) async fn dyndns_update(
    State(registry): State<Arc<Registry>>,
    peer: Option<Extension<PeerAddress>>,
    headers: HeaderMap,
    asked: Result<QueryParams<DyndnsUpdate>, Failure>,
) -> Response {
    let asked = asked.map(|QueryParams(asked)| asked).unwrap_or_default();
    let peer = peer.map(|Extension(PeerAddress(peer))| peer.ip());
    let done = registry.dyndns(presented(&headers), asked, peer).await;
    done.unwrap_or_else(Word::from).into_response()
}

impl Registry {
    async fn dyndns(
        &self,
        presented: Option<Presented>,
        asked: DyndnsUpdate,
        peer: Option<IpAddr>,
    ) -> Result<Word, RegistryError> {
        let presented = presented.ok_or(RegistryError::Credentials)?;
        let name = self.presented_name(&presented).await?;
        self.update_count(&name)?;
        let hosts = asked.hostname.as_deref().unwrap_or_default();
        if hosts.is_empty() {
            return Ok(Word::NotFqdn);
        }
        let is_theirs = |host: &str| lookup_key(host, &self.context.zone) == Some(LookupKey::Name(name.clone()));
        if !hosts.split(',').all(is_theirs) {
            return Ok(Word::NoHost);
        }
        let Some(told) = told(&asked, peer) else {
            return Ok(Word::BadAddress);
        };
        if !told.iter().all(|address| self.context.dns.is_publishable(*address)) {
            return Ok(Word::BadAddress);
        }
        let moved = self
            .write(move |conn, context| {
                let row = presented_lock(conn, context, &presented)?;
                let merged = merged(&row.addresses()?, &told);
                publication::addresses_set(conn, context, &row.node_did, &row.name, &merged)
            })
            .await?;
        let texts: Vec<String> = moved.addresses.iter().map(ToString::to_string).collect();
        if !moved.is_moved {
            return Ok(Word::NoChange(texts.join(",")));
        }
        self.wake.notify_one();
        Ok(Word::Good(texts.join(",")))
    }
}

/// User and password (RFC 7617).
fn presented(headers: &HeaderMap) -> Option<Presented> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (username, password) = decoded.split_once(':')?;
    Some(Presented {
        username: username.to_owned(),
        password: password.to_owned(),
    })
}

/// The addresses that the request names, or the one that it comes from; `None` when one is not readable.
fn told(asked: &DyndnsUpdate, peer: Option<IpAddr>) -> Option<Vec<IpAddr>> {
    let said = [&asked.myip, &asked.myipv4, &asked.myipv6];
    let said = said.into_iter().flatten().flat_map(|texts| texts.split(','));
    let said: Vec<&str> = said.map(str::trim).filter(|text| !text.is_empty()).collect();
    if said.is_empty() {
        return Some(vec![peer?.to_canonical()]);
    }
    let addresses: Option<Vec<IpAddr>> = said
        .into_iter()
        .filter(|text| !text.eq_ignore_ascii_case(PRESERVE))
        .map(|text| text.parse::<IpAddr>().ok().map(|address| address.to_canonical()))
        .collect();
    addresses.filter(|addresses| addresses.len() <= ADDRESSES_MAX)
}

/// Addresses of a kind that is not named stay.
fn merged(before: &[IpAddr], told: &[IpAddr]) -> Vec<IpAddr> {
    let is_named = |address: &&IpAddr| told.iter().any(|other| other.is_ipv4() == address.is_ipv4());
    let kept = before.iter().filter(|address| !is_named(address));
    kept.chain(told).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_is_not_named_is_preserved() {
        let before = addresses(&["192.0.2.1", "2001:db8::1"]);
        let told = addresses(&["192.0.2.2"]);
        assert_eq!(merged(&before, &told), addresses(&["2001:db8::1", "192.0.2.2"]));
        let both = addresses(&["192.0.2.2", "2001:db8::2"]);
        assert_eq!(merged(&before, &both), both);
    }

    #[test]
    fn addresses_are_read_from_every_parameter() {
        let peer = Some("::ffff:192.0.2.9".parse().unwrap());
        let asked = |myip: &str, myipv6: &str| DyndnsUpdate {
            myip: Some(myip.to_owned()),
            myipv6: Some(myipv6.to_owned()),
            ..DyndnsUpdate::default()
        };
        let read = |myip, myipv6| told(&asked(myip, myipv6), peer);
        assert_eq!(
            read("192.0.2.1,2001:db8::1", ""),
            Some(addresses(&["192.0.2.1", "2001:db8::1"]))
        );
        assert_eq!(read("192.0.2.1", "preserve"), Some(addresses(&["192.0.2.1"])));
        assert_eq!(read("preserve", "preserve"), Some(Vec::new()));
        assert_eq!(read("", ""), Some(addresses(&["192.0.2.9"])));
        assert_eq!(read("nonsense", ""), None);
    }
}
