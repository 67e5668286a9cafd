use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::http::Uri;
use axum::response::Redirect;
use imajin_acme::Http01;
use imajin_kernel::Env;
use imajin_web::{
    ConnectionLimits, InternalAccess, Limits, Listener, PublicBase, ShellOptions, TlsMode, behind_proxies,
    internal_listener_router, serve_within, shell,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::{StartError, pages};
use crate::config::Config;

/// What all listeners have in common.
pub(super) struct Serving<'a> {
    pub(super) env: &'a Env,
    pub(super) tls: TlsMode,
    /// Who is believed about the address that a request comes from.
    pub(super) proxies: &'a [IpAddr],
    pub(super) tasks: &'a TaskTracker,
    pub(super) stop: &'a CancellationToken,
}

impl Serving<'_> {
    pub(super) fn public(&self, socket: TcpListener, routes: Router, public: PublicBase) {
        let options = ShellOptions {
            env: self.env.clone(),
            public: public.clone(),
            limits: Limits::default(),
            error_page: Some(pages::error_page),
        };
        let routes = behind_proxies(shell(routes, options), self.proxies.to_vec());
        self.start(socket, routes, public, self.tls.clone());
    }

    /// Port 80: the authority's questions; people are led to the node itself.
    pub(super) fn proofs(&self, socket: TcpListener, http01: &Http01, public: PublicBase) {
        let base = public.clone();
        let routes = http01.router().fallback(move |uri: Uri| async move {
            let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
            Redirect::permanent(&base.absolute(path))
        });
        self.start(socket, routes, public, TlsMode::Off);
    }

    pub(super) fn internal(
        &self,
        socket: TcpListener,
        address: SocketAddr,
        config: &Config,
        routes: Router,
    ) -> Result<(), StartError> {
        let reached_at = match address.ip() {
            ip if ip.is_unspecified() => {
                let text = "`internal_listen` must be one address that the other processes use, not every address";
                return Err(StartError::Configuration(text.to_owned()));
            }
            IpAddr::V4(ip) => format!("http://{ip}:{}/", address.port()),
            IpAddr::V6(ip) => format!("http://[{ip}]:{}/", address.port()),
        };
        let base = Url::parse(&reached_at).map_err(|error| StartError::Configuration(error.to_string()))?;
        let base = PublicBase(base);
        let allowed = config.remote.values().map(|remote| remote.did.canonical()).collect();
        let access = InternalAccess {
            env: self.env.clone(),
            base: base.clone(),
            allowed,
        };
        let options = ShellOptions {
            env: self.env.clone(),
            public: base.clone(),
            limits: Limits {
                body_bytes_max: 1024 * 1024,
                ..Limits::default()
            },
            error_page: None,
        };
        self.start(
            socket,
            shell(internal_listener_router(routes, access), options),
            base,
            TlsMode::Off,
        );
        Ok(())
    }

    fn start(&self, socket: TcpListener, router: Router, public: PublicBase, tls: TlsMode) {
        let connections_max = Limits::default().connections_max;
        let listener = Listener {
            socket,
            router,
            public,
            tls,
            connections_max,
        };
        let limits = ConnectionLimits {
            exempt: self.proxies.to_vec(),
            ..ConnectionLimits::default()
        };
        self.tasks.spawn(serve_within(listener, limits, self.stop.clone()));
    }
}
