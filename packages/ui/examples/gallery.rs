//! Serves every page with sample data, for looking at them: `cargo run -p imajin-ui --example gallery [PORT]`.

#[path = "../tests/samples/mod.rs"]
#[expect(unreachable_pub, reason = "the samples are a module of the tests too")]
mod samples;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use imajin_ui::{CONTENT_SECURITY_POLICY, assets_router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .unwrap_or(7099);
    let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    writeln!(std::io::stdout(), "http://{}/", listener.local_addr()?)?;
    let router = Router::new()
        .route("/", get(index))
        .route("/gallery/{name}", get(page))
        .merge(assets_router());
    axum::serve(listener, router).await
}

/// A list of the samples.
async fn index() -> Html<String> {
    let links = samples::all(&samples::PLAIN)
        .iter()
        .map(|sample| format!("<li><a href=\"/gallery/{0}\">{0}</a></li>", sample.name))
        .collect::<String>();
    Html(format!(
        "<!doctype html><html lang=\"en\"><title>Gallery</title><h1>Gallery</h1><ul>{links}</ul></html>"
    ))
}

async fn page(Path(name): Path<String>) -> Response {
    let Some(sample) = samples::all(&samples::PLAIN)
        .into_iter()
        .find(|sample| sample.name == name)
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    (
        [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)],
        Html(sample.html),
    )
        .into_response()
}
