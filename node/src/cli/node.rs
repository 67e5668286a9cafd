use clap::Subcommand;
use imajin_kernel::Env;
use imajin_registry_api::Registration;
use serde::Serialize;
use url::Url;

use super::master_key::MasterKeyCommand;
use super::{CommandError, DataArg, Output};
use crate::agent::{AgentState, NodeFacts, RegistryLink};
use crate::config::{Overrides, ServiceName, load};
use crate::data_dir::DataDir;
use crate::run::database_open;

/// The node itself.
#[derive(Debug, Subcommand)]
pub(super) enum NodeCommand {
    /// Make a data directory with the node's key, without starting it: to learn its DID before others are configured.
    Init {
        #[command(flatten)]
        data: DataArg,
    },
    /// Register the node with a registry under a name. A running node takes over from here and says that it lives.
    Register {
        #[command(flatten)]
        data: DataArg,
        /// The registry's base URL, for example <https://registry.example/registry>.
        #[arg(long)]
        registry: Url,
        /// The name to register.
        #[arg(long)]
        name: String,
    },
    /// Show how the node stands with its registries.
    Status {
        #[command(flatten)]
        data: DataArg,
    },
    /// Replace the key that signs session tokens. Nobody is logged out; a running node learns of it within a minute.
    SessionKeysRotate {
        #[command(flatten)]
        data: DataArg,
        /// The database, if it is not the one of the configuration: `sqlite` or a `postgres://` URL.
        #[arg(long, value_name = "URL")]
        database: Option<String>,
    },
    /// Show or change the key that opens the vault with the node's secrets.
    #[command(subcommand)]
    MasterKey(MasterKeyCommand),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    did: String,
    running: bool,
    registrations: Vec<Registration>,
}

impl NodeCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Init { data } => init(&data, output),
            Self::Register { data, registry, name } => register(&data, &registry, &name, output).await,
            Self::Status { data } => status(&data, output),
            Self::SessionKeysRotate { data, database } => session_keys_rotate(&data, database, output).await,
            Self::MasterKey(command) => command.run(output).await,
        }
    }
}

fn init(data: &DataArg, output: Output) -> Result<(), CommandError> {
    let data = DataDir::create(&data.path())?;
    let _lock = data.lock()?;
    let keyring = data.keyring_ensure(&Env::system())?;
    let status = Status {
        did: keyring.node_did().to_string(),
        running: false,
        registrations: Vec::new(),
    };
    output.result(&status, |status| {
        format!("The node in {} is {}", data.path().display(), status.did)
    });
    Ok(())
}

async fn register(data: &DataArg, registry: &Url, name: &str, output: Output) -> Result<(), CommandError> {
    let data = DataDir::open(&data.path())?;
    let keyring = data.keyring_open()?;
    let loaded = load(data.path(), &Overrides::default())?;
    let services = loaded.config.services.iter().map(ToString::to_string).collect();
    let env = Env::system();
    let facts = NodeFacts::of_this_process(services, env.now());
    let registration = RegistryLink::new(keyring, env, facts, Vec::new())?
        .register(registry, name)
        .await?;
    AgentState::new(&data).store(&registration)?;
    output.result(&registration, |done| {
        let name = done.subdomain.as_deref().unwrap_or(&done.hostname);
        let until = done.expires_at.map(|at| format!(" until {at}")).unwrap_or_default();
        format!(
            "Registered as {name} ({}){until}. A running node renews it and sends heartbeats.",
            done.status
        )
    });
    Ok(())
}

async fn session_keys_rotate(data: &DataArg, database: Option<String>, output: Output) -> Result<(), CommandError> {
    let data = DataDir::open(&data.path())?;
    let keyring = data.keyring_open()?;
    let mut overrides = Overrides::default();
    overrides.set("database.url", database);
    let config = load(data.path(), &overrides)?.config;
    let opened = database_open(&data, &config, ServiceName::Auth).await;
    let opened = opened.map_err(|error| CommandError::Local(error.to_string()))?;
    let db = opened.ok_or_else(|| CommandError::Local("this node has no sessions".to_owned()))?;
    let rotated = imajin_auth::session_keys_rotate(&db, &keyring, &Env::system()).await;
    db.close().await;
    let kid = rotated?;
    output.result(&serde_json::json!({"kid": kid}), |_answer| {
        format!("Sessions are signed with {kid} from now on.")
    });
    Ok(())
}

fn status(data: &DataArg, output: Output) -> Result<(), CommandError> {
    let data = DataDir::open(&data.path())?;
    let running = data.lock().is_err();
    let did = data.keyring_open()?.node_did().to_string();
    let status = Status {
        did,
        running,
        registrations: AgentState::new(&data).load()?,
    };
    output.result(&status, |status| {
        let mut lines = vec![format!(
            "{} ({})",
            status.did,
            if status.running { "running" } else { "not running" }
        )];
        if status.registrations.is_empty() {
            lines.push("Not registered anywhere: `imajin node register --registry URL --name NAME`.".to_owned());
        }
        lines.extend(status.registrations.iter().map(registration_text));
        lines.join("\n")
    });
    Ok(())
}

fn registration_text(registration: &Registration) -> String {
    let heard = registration
        .last_heartbeat_at
        .map_or_else(|| "never".to_owned(), |at| at.to_string());
    let until = registration
        .expires_at
        .map_or_else(|| "not yet registered".to_owned(), |at| format!("until {at}"));
    let error = registration
        .last_error
        .as_ref()
        .map(|error| format!("; last failure: {error}"))
        .unwrap_or_default();
    format!(
        "{} at {}: {}, {until}; last heartbeat {heard}{error}",
        registration.subdomain.as_deref().unwrap_or(&registration.hostname),
        registration.registry,
        registration.status
    )
}
