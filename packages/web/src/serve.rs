use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::activity::Activity;
use crate::shares::{Share, Shares, address_counted};
use crate::{PeerAddress, PublicBase};

/// Whether a listener speaks TLS.
#[derive(Clone)]
pub enum TlsMode {
    /// Plain HTTP: on loopback, or behind a proxy.
    Off,
    /// HTTPS on the port; plain HTTP on the same port is only redirected to it.
    On(Arc<rustls::ServerConfig>),
}

/// A bound socket with what is served on it.
pub struct Listener {
    /// Where connections come in.
    pub socket: TcpListener,
    /// What answers them.
    pub router: Router,
    /// The URL under which the listener is reached; redirects lead there.
    pub public: PublicBase,
    /// Whether it speaks TLS.
    pub tls: TlsMode,
    /// Open connections at most; further ones wait in the kernel's queue.
    pub connections_max: usize,
}

/// How long open requests may go on after shutdown began.
const DRAIN: Duration = Duration::from_secs(3);

/// The largest head of a request.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// What a client may send on one HTTP/2 connection before anybody has read it.
const WINDOW_BYTES: u32 = 256 * 1024;
/// The same for one of its requests.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;

/// What one who connects may take of a listener.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Connections of one remote address (of IPv6: of one network); more are closed at once.
    pub each_max: usize,
    /// Proxies in front, behind which many visitors have one address. This machine is always one of them.
    pub exempt: Vec<IpAddr>,
    /// How long a client may take for its TLS handshake, for the headers of a request, and to begin its first request.
    pub first_timeout: Duration,
    /// How long a connection stays open on which nothing is asked.
    pub idle_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            each_max: 64,
            exempt: Vec::new(),
            first_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
        }
    }
}

/// The connections that are open, by address.
struct Doors {
    limits: ConnectionLimits,
    shares: Shares<IpAddr>,
}

impl Doors {
    /// A place for a connection: nothing is counted for a proxy, and `Err` is for whoever has too many.
    fn place(&self, peer: SocketAddr) -> Result<Option<Share<IpAddr>>, ()> {
        let address = peer.ip().to_canonical();
        if address.is_loopback() || self.limits.exempt.contains(&address) {
            return Ok(None);
        }
        self.shares.take(address_counted(address)).map(Some).ok_or(())
    }
}

/// Serves a listener until `stop` is cancelled, then lets open requests end (three seconds at most).
pub async fn serve(listener: Listener, stop: CancellationToken) {
    serve_within(listener, ConnectionLimits::default(), stop).await;
}

/// As [`serve`], with other limits of connections.
pub async fn serve_within(listener: Listener, limits: ConnectionLimits, stop: CancellationToken) {
    let Listener {
        socket,
        router,
        public,
        tls,
        connections_max,
    } = listener;
    let slots = Arc::new(Semaphore::new(connections_max));
    let tracker = TaskTracker::new();
    let graceful = GracefulShutdown::new();
    let doors = Doors {
        shares: Shares::new(limits.each_max),
        limits: limits.clone(),
    };
    let accept = async || {
        let slot = Arc::clone(&slots).acquire_owned().await;
        (slot, socket.accept().await)
    };
    while let Some((slot, accepted)) = stop.run_until_cancelled(accept()).await {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: give the open connections time to end.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = doors.place(peer) else {
            tracing::debug!(%peer, "an address has too many connections open");
            continue;
        };
        let served = Served {
            peer,
            router: router.clone(),
            watcher: graceful.watcher(),
            limits: limits.clone(),
        };
        let (public, tls) = (public.clone(), tls.clone());
        tracker.spawn(async move {
            connection_serve(stream, served, &public, tls).await;
            drop((slot, place));
        });
    }
    drop(socket);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::info!("some connections did not end in time and were cut");
    }
}

/// What one connection is served with.
struct Served {
    peer: SocketAddr,
    router: Router,
    watcher: Watcher,
    limits: ConnectionLimits,
}

async fn connection_serve(stream: TcpStream, mut served: Served, public: &PublicBase, tls: TlsMode) {
    let _nodelay = stream.set_nodelay(true);
    let patience = served.limits.first_timeout;
    match tls {
        TlsMode::Off => http_serve(stream, served).await,
        TlsMode::On(config) => match tokio::time::timeout(patience, starts_with_tls(&stream)).await {
            Ok(true) => {
                let handshake = TlsAcceptor::from(config).accept(stream);
                if let Ok(Ok(stream)) = tokio::time::timeout(patience, handshake).await {
                    http_serve(stream, served).await;
                }
            }
            Ok(false) => {
                served.router = redirect_router(public.clone());
                http_serve(stream, served).await;
            }
            Err(_elapsed) => {}
        },
    }
}

/// The first byte of a TLS connection is the content type "handshake" (RFC 8446, section 5.1); no HTTP request starts
/// with it.
async fn starts_with_tls(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first == [22]
}

fn redirect_router(public: PublicBase) -> Router {
    Router::new().fallback(move |request: Request<Body>| async move {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        if let Ok(location) = HeaderValue::from_str(&public.absolute(path)) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    })
}

async fn http_serve<S>(stream: S, served: Served)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Served {
        peer,
        router,
        watcher,
        limits,
    } = served;
    let activity = Activity::new();
    let asked = activity.clone();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (router, end) = (router.clone(), asked.begin());
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(PeerAddress(peer));
            let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
            Ok::<_, Infallible>(end(response))
        }
    });
    let builder = connection_builder(&limits);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = watcher.watch(connection.into_owned()) => ended,
        () = activity.silence(limits.first_timeout, limits.idle_timeout) => Ok(()),
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

fn connection_builder(limits: &ConnectionLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.first_timeout)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .initial_connection_window_size(WINDOW_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .max_concurrent_streams(128);
    builder
}
