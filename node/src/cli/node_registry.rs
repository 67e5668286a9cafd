use imajin_did::Did;
use imajin_kernel::Env;
use imajin_registry_api::{NodeAttestation, NodeType, Registration};
use serde::Serialize;
use serde_json::json;
use url::Url;

use super::{CommandError, DataArg, Output};
use crate::acme::{CertificateStatus, DnsAccounts};
use crate::agent::{AgentState, NodeFacts, NodeIdentity, RegistryLink, registry_http};
use crate::config::{Config, Overrides, load};
use crate::data_dir::DataDir;

/// How a node is, as far as its data directory tells.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) did: String,
    running: bool,
    registrations: Vec<Registration>,
    /// How it stands with a certificate authority; none when no authority was ever asked.
    certificate: Option<CertificateStatus>,
}

impl Status {
    /// Of a node that was just made.
    pub(super) fn fresh(did: &Did) -> Self {
        Self {
            did: did.to_string(),
            running: false,
            registrations: Vec::new(),
            certificate: None,
        }
    }
}

pub(super) fn link(data: &DataDir, config: &Config) -> Result<RegistryLink, CommandError> {
    let env = Env::system();
    let services = config.services.iter().map(ToString::to_string).collect();
    let facts = NodeFacts::of_this_process(services, env.now()).with_type(config.registry.node_type);
    let http = registry_http(config)?;
    let keyring = data.keyring_open()?;
    let accounts = DnsAccounts::new(data, &keyring, &env);
    let identity = NodeIdentity::new(data, &keyring, &env);
    Ok(RegistryLink::new(http, identity, env, facts, Vec::new(), accounts))
}

/// The registry that is meant: the one that was named, that of the configuration, or the only one that is known.
fn registry_choose(named: Option<Url>, config: &Config, state: &AgentState) -> Result<Url, CommandError> {
    if let Some(url) = named.or_else(|| config.registry.url.clone()) {
        return if matches!(url.scheme(), "http" | "https") && url.host().is_some() {
            Ok(url)
        } else {
            let text = format!("{url} is no address of a registry: write https://registry.example/registry");
            Err(CommandError::Local(text))
        };
    }
    match state.load()?.as_slice() {
        [only] => Ok(only.registry.clone()),
        [] => Err(CommandError::Local(
            "no registry is known: name one with --registry, or set `registry.url` in imajin.toml".to_owned(),
        )),
        _ => Err(CommandError::Local(
            "this node is registered with several registries: name one with --registry".to_owned(),
        )),
    }
}

pub(super) async fn register(
    data: &DataArg,
    registry: Option<Url>,
    (name, node_type): (&str, Option<NodeType>),
    output: Output,
) -> Result<(), CommandError> {
    let data = DataDir::open(&data.path())?;
    let config = load(data.path(), &Overrides::default())?.config;
    let state = AgentState::new(&data);
    let registry = registry_choose(registry, &config, &state)?;
    let link = link(&data, &config)?;
    let known = state.find(&registry)?;
    let wanted = Registration {
        witness: known.as_ref().and_then(|known| known.witness.clone()),
        node_type: node_type.or(known.as_ref().and_then(|known| known.node_type)),
        addresses: known.map(|known| known.addresses).unwrap_or_default(),
        ..Registration::wanted(registry, name, Env::system().now())
    };
    let registration = link.register(&wanted).await?;
    state.store(&registration)?;
    output.result(&registration, |done| {
        let name = done.subdomain.as_deref().unwrap_or(&done.hostname);
        let until = done.expires_at.map(|at| format!(" until {at}")).unwrap_or_default();
        format!(
            "Registered as {name}{until}, build {}. A running node renews it and tells that it lives, and where.",
            done.build_standing()
        )
    });
    Ok(())
}

pub(super) fn leave(data: &DataArg, registry: &Url, output: Output) -> Result<(), CommandError> {
    let data = DataDir::open(&data.path())?;
    let config = load(data.path(), &Overrides::default())?.config;
    if config.registry.url.as_ref() == Some(registry) && config.registry.hostname.is_some() {
        return Err(CommandError::Local(
            "imajin.toml asks for this registration: take `registry.hostname` out of it first".to_owned(),
        ));
    }
    let left = AgentState::new(&data).forget(registry)?;
    let left = left.ok_or_else(|| {
        CommandError::Local(format!(
            "this node is not registered with {registry}: `imajin node status` shows where it is"
        ))
    })?;
    output.result(&left, |left| {
        let until = left
            .expires_at
            .map(|at| format!(" It runs out at {at}."))
            .unwrap_or_default();
        format!("{} is not renewed at {} any more.{until}", left.hostname, left.registry)
    });
    Ok(())
}

/// What an attestation proves at each registry.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attested {
    attestation: NodeAttestation,
    registries: Vec<serde_json::Value>,
}

pub(super) fn attest(data: &DataArg, name: Option<String>, output: Output) -> Result<(), CommandError> {
    let data = DataDir::open(&data.path())?;
    let config = load(data.path(), &Overrides::default())?.config;
    let registrations = AgentState::new(&data).load()?;
    let name = name
        .or_else(|| registrations.first().map(|known| known.hostname.clone()))
        .or_else(|| config.registry.hostname.clone())
        .unwrap_or_default();
    let node_type = registrations.first().and_then(|known| known.node_type);
    let standing = |known: &Registration| {
        let (build, attested) = (known.build_standing(), &known.attested_build);
        json!({"registry": known.registry, "build": build, "attestedBuild": attested})
    };
    let attested = Attested {
        attestation: link(&data, &config)?.attestation(&name, node_type)?,
        registries: registrations.iter().map(standing).collect(),
    };
    output.result(&attested, |attested| attest_text(&attested.attestation, &registrations));
    Ok(())
}

fn attest_text(sent: &NodeAttestation, registrations: &[Registration]) -> String {
    let mut lines =
        vec![
        format!("node      {}", sent.node_id),
        format!("name      {}", if sent.hostname.is_empty() { "(none yet)" } else { &sent.hostname }),
        format!("type      {}", sent.node_type.map_or("(not said)", NodeType::as_str)),
        format!("version   {}, commit {}", sent.version, sent.source_commit),
        format!("build     {} (SHA-256 of this program)", sent.build_hash),
        format!("services  {}", sent.services.join(", ")),
        "This is what the node reports about itself. A changed program could report the same: only a registry that"
            .to_owned(),
        "finds the hash in a release signed by a key that it trusts calls the build verified, and even that says which"
            .to_owned(),
        "program was claimed, not what runs.".to_owned(),
    ];
    lines.extend(registrations.iter().map(|known| {
        let is_this = known.attested_build.as_ref() == Some(&sent.build_hash);
        let which = if is_this { "this build" } else { "another build" };
        format!("{}: {which}, {}", known.registry, known.build_standing())
    }));
    lines.join("\n")
}

pub(super) fn status(data: &DataArg, output: Output) -> Result<(), CommandError> {
    let data = DataDir::open(&data.path())?;
    let running = data.lock().is_err();
    let did = data.keyring_open()?.node_did().to_string();
    let status = Status {
        did,
        running,
        registrations: AgentState::new(&data).load()?,
        certificate: CertificateStatus::load(data.path())?,
    };
    output.result(&status, |status| {
        let state = if status.running { "running" } else { "not running" };
        let mut lines = vec![format!("{} ({state})", status.did)];
        if status.registrations.is_empty() {
            lines.push("Not registered anywhere: `imajin node register --registry URL --name NAME`.".to_owned());
        }
        lines.extend(status.registrations.iter().map(registration_text));
        lines.extend(status.certificate.as_ref().map(certificate_text));
        lines.join("\n")
    });
    Ok(())
}

fn certificate_text(certificate: &CertificateStatus) -> String {
    let until = certificate
        .not_after
        .map_or_else(|| "none yet".to_owned(), |at| format!("good until {at}"));
    let renewed = certificate.renew_at.map(|at| format!("renewed at {at}"));
    let failure = certificate.last_error.as_ref();
    let failure = failure.map(|error| format!("last failure: {error}"));
    let first = format!("certificate for {}: {until}", certificate.names.join(", "));
    let parts: Vec<String> = [first].into_iter().chain(renewed).chain(failure).collect();
    parts.join("; ")
}

fn registration_text(registration: &Registration) -> String {
    let heard = registration
        .last_heartbeat_at
        .map_or_else(|| "never".to_owned(), |at| at.to_string());
    let until = registration
        .expires_at
        .map_or_else(|| "not yet registered".to_owned(), |at| format!("until {at}"));
    let addresses: Vec<String> = registration.addresses.iter().map(ToString::to_string).collect();
    let first = format!(
        "{} at {}: {until}, build {}; last heartbeat {heard}",
        registration.subdomain.as_deref().unwrap_or(&registration.hostname),
        registration.registry,
        registration.build_standing()
    );
    let reached = (!addresses.is_empty()).then(|| format!("reached at {}", addresses.join(", ")));
    let upgrade = registration.upgrade.as_ref();
    let upgrade = upgrade.map(|asked| format!("asks for version {}: {}", asked.target_version, asked.reason));
    let failure = registration.last_error.as_ref();
    let failure = failure.map(|error| {
        let next = registration.next_attempt_at;
        format!("last failure: {error} Next attempt: {next}")
    });
    let parts: Vec<String> = [first]
        .into_iter()
        .chain(reached)
        .chain(upgrade)
        .chain(failure)
        .collect();
    parts.join("; ")
}
