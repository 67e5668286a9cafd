//! Requests to addresses that a stranger named.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use imajin_kernel::Problem;
use imajin_proof::http_sig::SignedRequest;
use reqwest::RequestBuilder;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::{Host, Url};

use crate::carrier::{Carrier, request_of};
use crate::peers::{PeerPolicy, admit};
use crate::public_address::is_public;
use crate::shares::{Share, Shares};
use crate::trust::tls_config;

/// How many such requests run at once: strangers decide how many are wanted.
const REQUESTS_MAX: usize = 32;
/// How many of them go to one host, so that a host that never answers does not take them all.
const HOST_REQUESTS_MAX: usize = 8;

/// How far requests to strangers' addresses may reach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses by HTTPS only. A name that leads to the machine itself or into its network is refused, whatever
    /// it was when it was looked up before: the address that was checked is the one that is connected to.
    #[default]
    Public,
    /// Private addresses too, and this machine by plain HTTP: for nodes of one developer.
    Development,
}

impl Reach {
    /// Where a host is really asked: nodes under development have no certificate, so on this machine it is plain HTTP.
    #[must_use]
    pub fn url(self, mut url: Url) -> Url {
        if self == Self::Development && is_this_machine(&url) {
            // `https` to `http` can always be set.
            let _cannot_fail = url.set_scheme("http");
        }
        url
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Why a stranger's address gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// The URL is none that may be asked.
    #[error("only public HTTPS addresses are asked")]
    Refused,
    /// No connection, no answer in time, or too many such requests at once.
    #[error("the host does not answer")]
    Away,
    /// The answer is larger than the caller reads.
    #[error("the answer is too large")]
    TooLarge,
    /// The operator of this node does not talk to that node.
    #[error("this node does not talk to that one: its operator has said so")]
    Blocked,
}

/// An HTTP client for addresses that come from strangers: public ones only, no redirects, no proxy, bounded in time,
/// size and number.
#[derive(Clone)]
pub struct GuardedClient {
    pub(crate) http: reqwest::Client,
    reach: Reach,
    pub(crate) permits: Arc<Semaphore>,
    hosts: Shares<String>,
    policy: Option<Arc<dyn PeerPolicy>>,
    carrier: Option<Arc<dyn Carrier>>,
}

/// An answer of a stranger.
#[derive(Debug, Clone)]
pub struct GuardedAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl GuardedClient {
    /// Prepares a client; no connection is made yet.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is broken.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the client for strangers' addresses, with its guard and its limits"
    )]
    pub fn new(reach: Reach, timeout: Duration) -> Result<Self, Problem> {
        let builder = reqwest::Client::builder()
            .connect_timeout(timeout)
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(tls_config()?)
            .pool_max_idle_per_host(1)
            .no_proxy()
            .dns_resolver(Arc::new(GuardedNames { reach }));
        let http = builder.build().map_err(|error| {
            tracing::error!(%error, "no HTTP client could be made");
            Problem::internal()
        })?;
        Ok(Self {
            http,
            reach,
            permits: Arc::new(Semaphore::new(REQUESTS_MAX)),
            hosts: Shares::new(HOST_REQUESTS_MAX),
            policy: None,
            carrier: None,
        })
    }

    /// Asks before each request whether the node talks to that host at all.
    #[must_use]
    pub fn with_policy(mut self, policy: Arc<dyn PeerPolicy>) -> Self {
        self.policy = Some(policy);
        self
    }

    /// The same client for another purpose: what is asked for one takes no place from the other. At most
    /// `host_requests_max` of its requests go to one host at once.
    #[must_use]
    pub fn apart(&self, host_requests_max: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(REQUESTS_MAX)),
            hosts: Shares::new(host_requests_max),
            ..self.clone()
        }
    }

    /// Has somebody else take the requests to their hosts.
    #[must_use]
    pub fn with_carrier(mut self, carrier: Arc<dyn Carrier>) -> Self {
        self.carrier = Some(carrier);
        self
    }

    /// How far it reaches.
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// Reads a document of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`GuardError`]; the cause is in the log, because the answer to a stranger must not describe our network.
    pub async fn get(&self, url: Url, accept: &'static str, bytes_max: usize) -> Result<GuardedAnswer, GuardError> {
        self.url_check(&url)?;
        admit(self.policy.as_deref(), &url).await?;
        let request = self
            .http
            .get(url)
            .header(header::ACCEPT, HeaderValue::from_static(accept));
        self.send(request, bytes_max).await
    }

    /// A place among the requests that run, and among those to the host.
    fn place(&self, url: &Url) -> Result<(SemaphorePermit<'_>, Share<String>), GuardError> {
        let permit = self.permits.try_acquire().ok();
        let host = self.hosts.take(url.host_str().unwrap_or_default().to_owned());
        permit.zip(host).ok_or_else(|| {
            tracing::warn!("too many requests to strangers' addresses at once");
            GuardError::Away
        })
    }

    /// Sends a signed request with a body of JSON, or without a body, and reads an answer of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// As [`GuardedClient::get`].
    pub async fn send_signed(&self, signed: &SignedRequest, bytes_max: usize) -> Result<GuardedAnswer, GuardError> {
        let url = Url::parse(&signed.target_uri).or(Err(GuardError::Refused))?;
        self.url_check(&url)?;
        admit(self.policy.as_deref(), &url).await?;
        let method = Method::from_bytes(signed.method.as_bytes()).or(Err(GuardError::Refused))?;
        let mut request = self.http.request(method, url);
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        if !signed.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        self.send(request.body(signed.body.clone()), bytes_max).await
    }

    /// Sends JSON that stands for itself, without saying who sends it, and reads an answer of at most `bytes_max`
    /// bytes.
    ///
    /// # Errors
    /// As [`GuardedClient::get`].
    pub async fn post_json(&self, url: Url, body: Vec<u8>, bytes_max: usize) -> Result<GuardedAnswer, GuardError> {
        self.url_check(&url)?;
        admit(self.policy.as_deref(), &url).await?;
        let json = HeaderValue::from_static("application/json");
        let request = self.http.post(url).header(header::CONTENT_TYPE, json).body(body);
        self.send(request, bytes_max).await
    }

    async fn send(&self, request: RequestBuilder, bytes_max: usize) -> Result<GuardedAnswer, GuardError> {
        let away = |error: reqwest::Error| away(&error);
        let request = request.build().map_err(away)?;
        let _place = self.place(request.url())?;
        if let Some(carrier) = &self.carrier {
            let answer = carrier.carry(request_of(request)?).await?;
            return if answer.body.len() > bytes_max {
                Err(GuardError::TooLarge)
            } else {
                Ok(answer)
            };
        }
        let response = self.http.execute(request).await.map_err(away)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut stream = response.bytes_stream();
        let mut body = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(away)?;
            if body.len().saturating_add(chunk.len()) > bytes_max {
                return Err(GuardError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(GuardedAnswer {
            status,
            headers,
            body: body.freeze(),
        })
    }

    /// Addresses written as numbers do not pass through the look-up of names.
    pub(crate) fn url_check(&self, url: &Url) -> Result<(), GuardError> {
        let is_allowed = match (self.reach, url.scheme(), url.host()) {
            (_, "https", Some(Host::Domain(_))) | (Reach::Development, "https", Some(_)) => true,
            (Reach::Development, "http", Some(_)) => is_this_machine(url),
            (Reach::Public, "https", Some(Host::Ipv4(address))) => is_public(address.into()),
            (Reach::Public, "https", Some(Host::Ipv6(address))) => is_public(address.into()),
            _ => false,
        };
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        if is_allowed && !has_credentials {
            Ok(())
        } else {
            Err(GuardError::Refused)
        }
    }
}

/// Looks names up and leaves out the addresses that must not be reached.
struct GuardedNames {
    reach: Reach,
}

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (mut allowed, mut refused) = (Vec::new(), false);
            for address in found {
                if reach == Reach::Development || is_public(address.ip()) {
                    allowed.push(address);
                } else {
                    refused = true;
                }
            }
            // One private address among public ones is a trick of rebinding: then none is believed.
            if refused || allowed.is_empty() {
                return Err(GuardError::Refused.into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter().collect::<Vec<SocketAddr>>().into_iter());
            Ok(addresses)
        })
    }
}

/// Why there was no answer; the cause goes to the log.
pub(crate) fn away(error: &reqwest::Error) -> GuardError {
    tracing::debug!(%error, "a stranger's address gave no answer");
    if refused_by_guard(error) {
        GuardError::Refused
    } else {
        GuardError::Away
    }
}

fn refused_by_guard(error: &reqwest::Error) -> bool {
    let mut causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.any(|cause| matches!(cause.downcast_ref::<GuardError>(), Some(GuardError::Refused)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_https_urls_are_asked() {
        let client = |reach| GuardedClient::new(reach, Duration::from_secs(1)).unwrap();
        let check = |reach, url: &str| client(reach).url_check(&url.parse().unwrap());
        let refused = [
            "http://example.org/",
            "ftp://example.org/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest",
            "https://a:b@example.org/",
            "https://a@example.org/",
            "file:///etc/passwd",
        ];
        for url in refused {
            assert_eq!(check(Reach::Public, url), Err(GuardError::Refused), "{url}");
        }
        assert_eq!(check(Reach::Public, "https://example.org/"), Ok(()));
        assert_eq!(check(Reach::Public, "https://1.1.1.1/"), Ok(()));
        for url in [
            "http://localhost:7000/",
            "http://node.localhost/",
            "http://127.0.0.1:7000/",
            "http://[::1]/",
            "https://192.168.1.2/",
        ] {
            assert_eq!(check(Reach::Development, url), Ok(()), "{url}");
        }
        for url in ["http://node.example/", "http://192.168.1.2/", "file:///etc/passwd"] {
            assert_eq!(check(Reach::Development, url), Err(GuardError::Refused), "{url}");
        }
    }

    #[test]
    fn hosts_that_do_not_answer_take_no_places_from_another_purpose() {
        let client = GuardedClient::new(Reach::Development, Duration::from_secs(1)).unwrap();
        let url = |number: usize| -> Url { format!("http://h{number}.localhost/").parse().unwrap() };
        let held: Vec<_> = (0..REQUESTS_MAX)
            .map(|number| client.place(&url(number)).unwrap())
            .collect();
        assert!(client.place(&url(99)).is_err());
        let apart = client.apart(2);
        let two = [0, 0].map(|number| apart.place(&url(number)).unwrap());
        assert!(apart.place(&url(0)).is_err() && apart.place(&url(1)).is_ok());
        drop((held, two));
        assert!(apart.place(&url(0)).is_ok() && client.place(&url(99)).is_ok());
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_leads_nowhere() {
        let found = |reach| GuardedNames { reach }.resolve("localhost".parse().unwrap());
        assert!(found(Reach::Public).await.is_err());
        assert!(found(Reach::Development).await.is_ok());
    }
}
