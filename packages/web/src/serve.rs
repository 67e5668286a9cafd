use std::convert::Infallible;
use std::net::SocketAddr;
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

/// How long a client may take for its TLS handshake, and for the headers of a request.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves a listener until `stop` is cancelled, then lets open requests end (three seconds at most).
pub async fn serve(listener: Listener, stop: CancellationToken) {
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
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = socket.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: give the open connections time to end.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (router, public, tls, watcher) = (router.clone(), public.clone(), tls.clone(), graceful.watcher());
        tracker.spawn(async move {
            connection_serve(stream, peer, router, &public, tls, watcher).await;
            drop(slot);
        });
    }
    drop(socket);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::info!("some connections did not end in time and were cut");
    }
}

async fn connection_serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    public: &PublicBase,
    tls: TlsMode,
    watcher: Watcher,
) {
    let _nodelay = stream.set_nodelay(true);
    match tls {
        TlsMode::Off => http_serve(stream, peer, router, watcher).await,
        TlsMode::On(config) => match tokio::time::timeout(HANDSHAKE_TIMEOUT, starts_with_tls(&stream)).await {
            Ok(true) => {
                let handshake = TlsAcceptor::from(config).accept(stream);
                if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
                    http_serve(stream, peer, router, watcher).await;
                }
            }
            Ok(false) => http_serve(stream, peer, redirect_router(public.clone()), watcher).await,
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

async fn http_serve<S>(stream: S, peer: SocketAddr, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(PeerAddress(peer));
            Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HANDSHAKE_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .max_concurrent_streams(128);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}
