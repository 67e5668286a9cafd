//! Gates in front of other sites: each on a listener, and an origin, of its own.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use imajin_did::{Did, DidDocument, Keyring};
use imajin_gate::{AgentDirectory, Gate, GateDeps, GateOptions, GuardedDocuments, Proxy, ProxyOptions, Tunnels};
use imajin_imagxp::Names;
use imajin_imagxp::policy::Policy;
use imajin_kernel::{Env, Problem, Span};
use imajin_pay_api::PayClient;
use imajin_proof::digest::sha256;
use imajin_proof::jose::SigningKey;
use imajin_publisher::{GateBooks, GateShown, GateSite, Publisher, policy_read};
use imajin_web::{ConnectionLimits, Limits, Listener, PublicBase, TlsMode, rate_limited, serve_within};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::listeners::bind_one;
use super::{Services, StartError};
use crate::config::{Config, GateConfig};
use crate::data_dir::DataDir;
use crate::tls::CertificateFiles;

/// How often the policy files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The listeners of gates, bound and not served yet.
pub(super) struct BoundGates(Vec<BoundGate>);

struct BoundGate {
    name: String,
    config: GateConfig,
    socket: TcpListener,
    address: SocketAddr,
    public: PublicBase,
}

/// What gates stand on.
pub(super) struct GateGround<'a> {
    pub(super) config: &'a Config,
    /// How the node itself speaks TLS.
    pub(super) tls: TlsMode,
    pub(super) data: &'a DataDir,
    pub(super) keyring: &'a Keyring,
    pub(super) env: &'a Env,
    /// The node's own address.
    pub(super) node: &'a Url,
}

/// Who writes down what gates charge, and who takes the money.
type Books<'a> = (&'a Arc<Publisher>, &'a PayClient);

/// What runs beside the requests.
pub(super) struct GateTasks<'a> {
    pub(super) listeners: &'a TaskTracker,
    pub(super) background: &'a TaskTracker,
    pub(super) stop: &'a CancellationToken,
}

pub(super) async fn bind(config: &Config) -> Result<BoundGates, StartError> {
    let mut gates = Vec::new();
    for (name, gate) in &config.gate {
        let (socket, address) = bind_one(gate.listen).await?;
        let public = match &gate.public_url {
            Some(url) => url.clone(),
            None => Url::parse(&format!("{}://{}:{}/", gate.scheme(), host_of(address), address.port()))
                .map_err(|error| StartError::Configuration(format!("`gate.{name}.listen`: {error}")))?,
        };
        gates.push(BoundGate {
            name: name.clone(),
            config: gate.clone(),
            socket,
            address,
            public: PublicBase(public),
        });
    }
    Ok(BoundGates(gates))
}

/// What visas call a gate without a public URL: an address is no name.
fn host_of(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_loopback() => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

impl BoundGates {
    pub(super) fn ports(&self) -> impl Iterator<Item = (String, SocketAddr)> {
        self.0.iter().map(|gate| (format!("gate {}", gate.name), gate.address))
    }

    /// Starts to answer at all gates.
    pub(super) fn serve(
        self,
        services: &Services,
        ground: &GateGround<'_>,
        tasks: &GateTasks<'_>,
    ) -> Result<(), StartError> {
        for bound in self.0 {
            let publisher = services.publisher.as_ref().ok_or_else(|| {
                let problem = "`gate` needs the service `publisher` in this process: add it to `services`";
                StartError::Configuration(problem.to_owned())
            })?;
            let books = (publisher, &services.gate_pay);
            let name = bound.name.clone();
            let failed = |problem: Problem| StartError::Configuration(format!("`gate.{name}`: {problem}"));
            bound.serve(books, ground, tasks).map_err(failed)?;
        }
        Ok(())
    }
}

impl BoundGate {
    fn serve(self, (publisher, pay): Books<'_>, ground: &GateGround<'_>, tasks: &GateTasks<'_>) -> Result<(), Problem> {
        let tls = self.config.tls(ground, tasks)?;
        let (mut file, policy) = PolicyFile::open(ground, &self.config)?;
        let names = if ground.config.dev {
            Names::Development
        } else {
            Names::Public
        };
        let audience = self.public.audience();
        let books = GateBooks::new(Arc::clone(publisher), pay.clone(), self.site(ground));
        books.background(tasks.background, tasks.stop);
        let options = GateOptions {
            public: self.public.clone(),
            names,
            is_dry: self.config.dry_run,
        };
        let deps = GateDeps {
            env: ground.env.clone(),
            directory: AgentDirectory::new(Arc::new(GuardedDocuments::new(names)?), ground.env.clone()),
            replays: books.clone(),
            till: books.clone(),
            records: books.clone(),
            feedbacks: Some(books.clone()),
            key: SigningKey::from_ed25519(ground.keyring.node_key().clone()),
        };
        let gate = Arc::new(Gate::new(options, deps, policy));
        publisher.gate_show(GateShown {
            name: self.name.clone(),
            gate: Arc::downgrade(&gate),
            books: Arc::downgrade(&books),
            policy: file.path.clone(),
            trusted: file.trusted.clone(),
        });
        let tunnels = Tunnels::new(tasks.background.clone(), tasks.stop.clone());
        let proxies = self.config.proxies.clone();
        let options = ProxyOptions {
            upstream: self.config.upstream,
            proxies: self.config.proxies,
            node: Some(ground.node.clone()),
        };
        let proxy = Proxy::new(Arc::clone(&gate), options, tunnels)?;
        let answers = if self.config.decide {
            proxy.decider()
        } else {
            proxy.router()
        };
        let limits = Limits::default();
        let router = answers.merge(identity_routes(&audience, ground.keyring)?);
        let connections = ConnectionLimits {
            exempt: proxies.clone(),
            ..ConnectionLimits::default()
        };
        let router = rate_limited(router, &limits, proxies);
        let listener = Listener {
            socket: self.socket,
            router,
            public: self.public,
            tls,
            connections_max: limits.connections_max,
        };
        tasks
            .listeners
            .spawn(serve_within(listener, connections, tasks.stop.clone()));
        let stop = tasks.stop.clone();
        tasks.background.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
                file.look(&gate);
            }
        });
        Ok(())
    }
}

impl BoundGate {
    fn site(&self, ground: &GateGround<'_>) -> GateSite {
        let payee = self.config.payee.clone();
        GateSite {
            name: self.name.clone(),
            audience: self.public.audience(),
            payee: payee.unwrap_or_else(|| ground.keyring.node_did().clone()),
            kept: Span::days(i64::from(self.config.keep_days)),
        }
    }
}

impl GateConfig {
    /// How a gate speaks TLS; the files of its certificate are looked at from now on.
    fn tls(&self, ground: &GateGround<'_>, tasks: &GateTasks<'_>) -> Result<TlsMode, Problem> {
        if self.node_certificate {
            return match &ground.tls {
                TlsMode::On(config) => Ok(TlsMode::On(Arc::clone(config))),
                TlsMode::Off => Err(
                    Problem::invalid("The node has no certificate that the gate could show.")
                        .hint("Set `tls.mode` to `on`, or name `certificate` and `private_key` of the gate's own."),
                ),
            };
        }
        let (Some(certificate), Some(key)) = (&self.certificate, &self.private_key) else {
            return Ok(TlsMode::Off);
        };
        let data = ground.data.path();
        let (made, files) = CertificateFiles::load(&data.join(certificate), &data.join(key))
            .map_err(|error| Problem::invalid(format!("{error}.")))?;
        tasks.background.spawn(files.keep(tasks.stop.clone()));
        Ok(TlsMode::On(made.config))
    }
}

/// Who the publisher of a site is: the node, by its key. Brokers pay the node that a visa's host names, and agents
/// check with this key where an answer is from.
fn identity_routes(audience: &str, keyring: &Keyring) -> Result<Router, Problem> {
    let wrong = |_error| {
        let problem = Problem::invalid(format!("{audience} is no name that visas could be for."));
        problem.hint("Set `public_url` to the address under which the site is reached.")
    };
    let did = Did::from_web_authority(audience).map_err(wrong)?;
    let document = DidDocument::for_key(did, &keyring.node_public(), Vec::new()).with_alias(keyring.node_did());
    let headers = [
        (CONTENT_TYPE, "application/did+json"),
        (CACHE_CONTROL, "public, max-age=300"),
    ];
    let answer = move || async move { (headers, Json(document)) };
    Ok(Router::new().route("/.well-known/did.json", get(answer)))
}

/// The file of a policy, and which of its contents is in force or was refused.
struct PolicyFile {
    path: PathBuf,
    trusted: Vec<String>,
    seen: [u8; 32],
}

impl PolicyFile {
    fn open(ground: &GateGround<'_>, config: &GateConfig) -> Result<(Self, Policy), Problem> {
        let trusted = ground.config.brokers.trusted.iter();
        let mut file = Self {
            path: ground.data.path().join(&config.policy),
            trusted: trusted
                .map(|url| url.as_str().trim_end_matches('/').to_owned())
                .collect(),
            seen: [0; 32],
        };
        let text = file.text()?;
        file.seen = sha256(text.as_bytes());
        let policy = file.parse(&text)?;
        Ok((file, policy))
    }

    fn text(&self) -> Result<String, Problem> {
        let shown = self.path.display();
        std::fs::read_to_string(&self.path)
            .map_err(|error| Problem::invalid(format!("The policy {shown} cannot be read: {error}.")))
    }

    fn parse(&self, text: &str) -> Result<Policy, Problem> {
        let shown = self.path.display();
        policy_read(text, &self.trusted).map_err(|problem| Problem {
            detail: format!("The policy {shown}: {}", problem.detail),
            ..problem
        })
    }

    /// Puts a changed policy in force; one with a mistake changes nothing, and is said once.
    fn look(&mut self, gate: &Gate) {
        let changed = self.text().and_then(|text| {
            let digest = sha256(text.as_bytes());
            let is_new = std::mem::replace(&mut self.seen, digest) != digest;
            is_new.then(|| self.parse(&text)).transpose()
        });
        match changed {
            Ok(None) => {}
            Ok(Some(policy)) => {
                gate.policy_set(policy);
                tracing::info!(policy = %self.path.display(), "a changed policy is in force");
            }
            Err(problem) => tracing::warn!(%problem, "the policy before stays in force"),
        }
    }
}
