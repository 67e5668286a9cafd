use std::collections::BTreeSet;
use std::net::SocketAddr;

use clap::Args;
use imajin_kernel::Env;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{CommandError, DataArg, Output};
use crate::config::{Overrides, ServiceName, load};
use crate::data_dir::DataDir;
use crate::run::{Banner, LeaderLinks, RunningNode};

/// Start the node.
#[derive(Debug, Args)]
pub(super) struct UpArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Put demo events there, and somebody who answers questions, once.
    #[arg(long)]
    demo: bool,
    /// Where to listen. Not on loopback, the node serves HTTPS with a certificate that it makes.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Also open one port for each service (www 7000, auth 7001, registry 7002, connections 7003,
    /// pay 7004, profile 7005, events 7006, publisher 7008, broker 7009, query 7010).
    #[arg(long)]
    service_ports: bool,
}

/// Which node is run, and which part of it.
#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    #[command(flatten)]
    data: DataArg,
    /// The services to run in this process, separated by commas: auth, pay, events, connections,
    /// profile, publisher, query, broker, registry, www. All but broker, if not said.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    services: Option<Vec<ServiceName>>,
    /// `sqlite` (the default) or a `postgres://` URL.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Development: the service ports move to 3xxx, peers at private addresses are asked, and
    /// brokers' test money counts. Never on a node that others reach.
    #[arg(long)]
    dev: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    url: String,
    did: String,
    setup_url: Option<String>,
    certificate_sha256: Option<String>,
    ports: std::collections::BTreeMap<String, SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    demo_leader: Option<LeaderLinks>,
}

impl NodeArgs {
    pub(super) fn data(&self) -> &DataArg {
        &self.data
    }

    pub(super) fn overrides(&self) -> Overrides {
        let mut overrides = Overrides::default();
        overrides.set("database.url", self.database.clone());
        overrides.set("dev", self.dev.then_some(true));
        let services: Option<BTreeSet<&str>> = self
            .services
            .as_ref()
            .map(|list| list.iter().map(|service| service.as_str()).collect());
        overrides.set(
            "services",
            services.map(|set| set.into_iter().map(str::to_owned).collect::<Vec<String>>()),
        );
        overrides
    }
}

impl UpArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let mut overrides = self.node.overrides();
        overrides.set("listen", self.listen.map(|address| address.to_string()));
        overrides.set("service_ports", self.service_ports.then_some(true));
        node_run(self.node.data(), &overrides, self.demo, output).await
    }
}

/// Runs a node until somebody stops it.
pub(super) async fn node_run(
    data: &DataArg,
    overrides: &Overrides,
    demo: bool,
    output: Output,
) -> Result<(), CommandError> {
    log_to_stderr();
    imajin_web::metrics_install();
    let data = DataDir::create(&data.path())?;
    let loaded = load(data.path(), overrides)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| CommandError::Local(error.to_string()))?;
    let node = Box::pin(RunningNode::start(&data, &loaded, Env::system(), demo)).await?;
    let guessed_url = loaded.config.public_url.is_none() && loaded.config.listen.ip().is_unspecified();
    output.result(&started(node.banner()), |_| {
        banner_text(node.banner(), &data, guessed_url)
    });
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    output.note("Stopping…");
    node.stop().await;
    Ok(())
}

fn started(banner: &Banner) -> Started {
    Started {
        url: banner.url.to_string(),
        did: banner.did.to_string(),
        setup_url: banner.setup_url.clone(),
        certificate_sha256: banner.fingerprint.clone(),
        ports: banner.ports.iter().cloned().collect(),
        demo_leader: banner.demo_leader.clone(),
    }
}

/// The last line says what to open.
fn banner_text(banner: &Banner, data: &DataDir, guessed_url: bool) -> String {
    let mut lines = vec![
        format!("imajin runs as {}", banner.did),
        format!("Data: {}", data.path().display()),
    ];
    for (service, address) in &banner.ports {
        lines.push(format!("Port for {service}: {address}"));
    }
    if let Some(fingerprint) = &banner.fingerprint {
        lines.push(format!("Certificate (made by this node), SHA-256 {fingerprint}"));
    }
    if guessed_url {
        lines.push(format!(
            "People reach it as {}: if that is not so, set `public_url` in {}",
            banner.url,
            data.path().join("imajin.toml").display()
        ));
    }
    if let Some(leader) = &banner.demo_leader {
        lines.push(format!("Join the demo's baker: {}", leader.join));
        lines.push(format!("Then ask her about bread: {}", leader.ask));
    }
    match &banner.setup_url {
        Some(setup) => {
            lines.push(format!("Pages: {}", banner.url));
            lines.push(format!("Open this link once to make the node yours: {setup}"));
        }
        None => lines.push(format!("Open {}", banner.url)),
    }
    lines.join("\n")
}

/// Logs go to the error stream: as JSON when something collects them, as text for a person.
fn log_to_stderr() {
    use std::io::IsTerminal;
    let filter = EnvFilter::try_from_env("IMAJIN_LOG").unwrap_or_else(|_| EnvFilter::new("warn,imajin=info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let installed = if std::io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().try_init()
    };
    if let Err(error) = installed {
        tracing::debug!(%error, "a log subscriber is installed already");
    }
}
