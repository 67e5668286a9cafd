//! Serves every page with sample data, for looking at them: `cargo run -p imajin-ui --example gallery [PORT]`.

#[path = "../tests/samples/mod.rs"]
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
        .route("/gallery/{ink}/{name}", get(page))
        .merge(assets_router());
    axum::serve(listener, router).await
}

/// A list of the samples.
async fn index() -> Html<String> {
    let samples = samples::all(&samples::PLAIN);
    let links = samples.iter().map(|sample| {
        let name = sample.name;
        let inks = samples::INKS
            .iter()
            .map(|(ink, _ink)| format!(" <a href=\"/gallery/{ink}/{name}\">{ink}</a>"));
        format!("<li>{name}:{}</li>", inks.collect::<String>())
    });
    let links = links.collect::<String>();
    Html(format!(
        "<!doctype html><html lang=\"en\"><title>Gallery</title><h1>Gallery</h1><ul>{links}</ul></html>"
    ))
}

async fn page(Path((ink, name)): Path<(String, String)>) -> Response {
    let ink = samples::INKS.iter().find(|(candidate, _ink)| *candidate == ink);
    let sample = ink.and_then(|(_name, ink)| samples::all(ink).into_iter().find(|sample| sample.name == name));
    let Some(sample) = sample else {
        return StatusCode::NOT_FOUND.into_response();
    };
    (
        [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)],
        Html(sample.html),
    )
        .into_response()
}
