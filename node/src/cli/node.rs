use clap::Subcommand;
use imajin_kernel::Env;
use imajin_registry_api::NodeType;
use url::Url;

use super::database::DatabaseArg;
use super::master_key::MasterKeyCommand;
use super::node_key::NodeKeyCommand;
use super::node_registry::{Status, attest, leave, register, status};
use super::{CommandError, DataArg, Output};
use crate::config::ServiceName;
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
    /// Register the node with a registry under a name, or give it another name there. A running node takes over from
    /// here: it renews, says that it lives, and tells new addresses. A node may be registered with several registries.
    Register {
        #[command(flatten)]
        data: DataArg,
        /// The registry's base URL, for example <https://registry.example/registry>; else that of the configuration, or
        /// the one that the node is registered with.
        #[arg(long)]
        registry: Option<Url>,
        /// The name to register.
        #[arg(long)]
        name: String,
        /// Whose node it is: person, community, operator or infrastructure.
        #[arg(long = "type", value_name = "TYPE")]
        node_type: Option<NodeType>,
    },
    /// Leave a registry: the node does not renew there any more, and the name becomes free when its time is over.
    Leave {
        #[command(flatten)]
        data: DataArg,
        /// The registry's base URL, as `imajin node status` shows it.
        #[arg(long)]
        registry: Url,
    },
    /// Show what the node says about itself when it registers, and what that proves.
    Attest {
        #[command(flatten)]
        data: DataArg,
        /// The name that it would ask for; else the one that it has.
        #[arg(long)]
        name: Option<String>,
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
        #[command(flatten)]
        database: DatabaseArg,
    },
    /// Keep the node's names when its key is stolen or lost: a key log, replacement, recovery.
    #[command(subcommand)]
    Key(NodeKeyCommand),
    /// Show or change the key that opens the vault with the node's secrets.
    #[command(subcommand)]
    MasterKey(MasterKeyCommand),
}

impl NodeCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Init { data } => init(&data, output),
            Self::Register {
                data,
                registry,
                name,
                node_type,
            } => register(&data, registry, (&name, node_type), output).await,
            Self::Leave { data, registry } => leave(&data, &registry, output),
            Self::Attest { data, name } => attest(&data, name, output),
            Self::Status { data } => status(&data, output),
            Self::SessionKeysRotate { data, database } => session_keys_rotate(&data, database, output).await,
            Self::Key(command) => command.run(output).await,
            Self::MasterKey(command) => command.run(output).await,
        }
    }
}

fn init(data: &DataArg, output: Output) -> Result<(), CommandError> {
    let data = DataDir::create(&data.path())?;
    let _lock = data.lock()?;
    let keyring = data.keyring_ensure(&Env::system())?;
    let status = Status::fresh(keyring.node_did());
    output.result(&status, |status| {
        format!("The node in {} is {}", data.path().display(), status.did)
    });
    Ok(())
}

async fn session_keys_rotate(data: &DataArg, database: DatabaseArg, output: Output) -> Result<(), CommandError> {
    let data = DataDir::open(&data.path())?;
    let keyring = data.keyring_open()?;
    let config = database.config(&data)?;
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
