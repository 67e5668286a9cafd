use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::Extensions;
use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use imajin_kernel::{Code, Problem};

use crate::proxied::came_by_proxy;
use crate::shares::address_counted;

/// The address that a request comes from, as the kernel gave it, or as a trusted proxy in front says
/// ([`crate::behind_proxies`]); never from a header of anybody else.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

impl PeerAddress {
    /// What is counted for a request, if it is counted at all: not for the machine itself, which is the operator, a
    /// test, or a proxy that nobody has named as trusted.
    pub fn counted(extensions: &Extensions) -> Option<IpAddr> {
        let address = extensions.get::<Self>()?.0.ip().to_canonical();
        (!address.is_loopback() || came_by_proxy(extensions)).then(|| address_counted(address))
    }
}

/// Limits of a listener. All are on by default.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest request body.
    pub body_bytes_max: usize,
    /// The longest that an answer may take.
    pub request_timeout: Duration,
    /// Requests that are answered at the same time; more wait.
    pub concurrency_max: usize,
    /// Requests of one remote address that are answered at the same time; more are refused.
    pub concurrency_each_max: usize,
    /// How long a body may take to come, besides a second for each 64 KiB of it.
    pub body_timeout: Duration,
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
            concurrency_each_max: 64,
            body_timeout: Duration::from_secs(10),
            connections_max: 1024,
            requests_per_second: NonZeroU32::MIN.saturating_add(49),
            burst: NonZeroU32::MIN.saturating_add(199),
        }
    }
}

/// Addresses beyond this number are looked through for those that went quiet.
const ADDRESSES_MAX: usize = 10_000;
/// Looking through them takes time, so it is not done for each request.
const TIDIED_EVERY: Duration = Duration::from_secs(1);

/// Counts requests by remote address, as [`PeerAddress::counted`] has it.
#[derive(Clone)]
pub(crate) struct RateLimit {
    limiter: Arc<DefaultKeyedRateLimiter<IpAddr>>,
    tidied_at: Arc<Mutex<Instant>>,
}

impl RateLimit {
    pub(crate) fn new(limits: &Limits) -> Self {
        let quota = Quota::per_second(limits.requests_per_second).allow_burst(limits.burst);
        Self {
            limiter: Arc::new(RateLimiter::keyed(quota)),
            tidied_at: Arc::new(Mutex::new(Instant::now())),
        }
    }

    pub(crate) fn check(&self, address: IpAddr) -> Result<(), Problem> {
        self.tidy();
        self.limiter.check_key(&address).map_err(|not_until| {
            let wait = not_until.wait_time_from(governor::clock::DefaultClock::default().now());
            let seconds = u32::try_from(wait.as_secs()).unwrap_or(60).saturating_add(1);
            Problem::new(Code::RateLimited, "Too many requests from your address.")
                .hint("Slow down and try again after the time in Retry-After.")
                .retry_after_seconds(seconds)
        })
    }

    /// Bounded memory: addresses that went quiet are forgotten once there are many.
    fn tidy(&self) {
        if self.limiter.len() <= ADDRESSES_MAX {
            return;
        }
        let mut tidied_at = self.tidied_at.lock().unwrap_or_else(PoisonError::into_inner);
        if tidied_at.elapsed() >= TIDIED_EVERY {
            *tidied_at = Instant::now();
            drop(tidied_at);
            self.limiter.retain_recent();
        }
    }
}
