use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use imajin_kernel::{Code, Problem};

/// The address at the other end of the connection, as the kernel gave it; never from a header.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// Limits of a listener. All are on by default.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest request body.
    pub body_bytes_max: usize,
    /// The longest that an answer may take.
    pub request_timeout: Duration,
    /// Requests that are answered at the same time; more wait.
    pub concurrency_max: usize,
    /// Open connections; more are refused at the door.
    pub connections_max: usize,
    /// Sustained requests per second from one remote address.
    pub requests_per_second: NonZeroU32,
    /// Requests that one remote address may send at once.
    pub burst: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 * 1024,
            request_timeout: Duration::from_secs(30),
            concurrency_max: 512,
            connections_max: 1024,
            requests_per_second: NonZeroU32::MIN.saturating_add(49),
            burst: NonZeroU32::MIN.saturating_add(199),
        }
    }
}

/// Counts requests by remote address. Loopback is the operator, a reverse proxy or a test, and is not limited.
#[derive(Clone)]
pub(crate) struct RateLimit(Arc<DefaultKeyedRateLimiter<IpAddr>>);

impl RateLimit {
    pub(crate) fn new(limits: &Limits) -> Self {
        let quota = Quota::per_second(limits.requests_per_second).allow_burst(limits.burst);
        Self(Arc::new(RateLimiter::keyed(quota)))
    }

    pub(crate) fn check(&self, peer: PeerAddress) -> Result<(), Problem> {
        let address = peer.0.ip().to_canonical();
        if address.is_loopback() {
            return Ok(());
        }
        // Bounded memory: addresses that went quiet are forgotten once there are many.
        if self.0.len() > 10_000 {
            self.0.retain_recent();
        }
        self.0.check_key(&address).map_err(|not_until| {
            let wait = not_until.wait_time_from(governor::clock::DefaultClock::default().now());
            let seconds = u32::try_from(wait.as_secs()).unwrap_or(60).saturating_add(1);
            Problem::new(Code::RateLimited, "Too many requests from your address.")
                .hint("Slow down and try again after the time in Retry-After.")
                .retry_after_seconds(seconds)
        })
    }
}
