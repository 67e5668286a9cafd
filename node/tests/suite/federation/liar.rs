//! A peer that lies about what a registry has signed.

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::response::IntoResponse as _;
use axum::routing::get;
use imajin_web::{Listener, PublicBase, TlsMode, serve};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::browser;

/// Passes on what an honest node answers, with another address for one of the nodes.
pub(super) struct Liar {
    pub(super) url: Url,
    stop: CancellationToken,
}

async fn answer(State(honest): State<String>, uri: Uri) -> axum::response::Response {
    let asked = browser().get(format!("{honest}{uri}")).send().await.unwrap();
    let mut told: Value = asked.json().await.unwrap();
    if let Some(entry) = told.pointer_mut("/entries/0/entry") {
        entry["subdomain"] = "evil.example".into();
    }
    axum::Json(told).into_response()
}

impl Liar {
    pub(super) async fn beside(honest: &str) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}/registry", socket.local_addr().unwrap())
            .parse()
            .unwrap();
        let stop = CancellationToken::new();
        let listener = Listener {
            socket,
            router: Router::new().fallback(get(answer)).with_state(honest.to_owned()),
            public: PublicBase(url.clone()),
            tls: TlsMode::Off,
            connections_max: 8,
        };
        TaskTracker::new().spawn(serve(listener, stop.clone()));
        Self { url, stop }
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
