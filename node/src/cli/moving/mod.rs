//! Moving an identity with its data to another node. Everything that is brought proves itself, and the new node checks
//! it as if it were new: nobody has to believe the folder, the old node or this program.

mod bundle;
mod consent;
mod export;
mod home;
mod import;
mod parts;
mod status;
mod works;

use clap::Subcommand;
use imajin_did::Did;
use serde_json::Value;

use super::caller::Caller;
use super::client::NodeClient;
use super::{CommandError, Output};

/// Move to another node with what is yours: the DID stays, because it is a key and not a place.
///
/// Money does not move by itself, and tickets and receipts count wherever you are: `imajin move status` shows what is
/// left at a node, and what to do about it.
#[derive(Debug, Subcommand)]
pub(super) enum MoveCommand {
    /// Save what is yours at a node in a folder, signed, for one new node.
    Export(export::ExportArgs),
    /// Bring such a folder to the new node, and have the old one lead there. What is there already stays as it is.
    Import(import::ImportArgs),
    /// Show where you are at home, what goes along and what is left at a node.
    Status(Caller),
    /// Be at home again at the node that you have moved away from.
    Back(Caller),
}

impl MoveCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Export(args) => args.run(output).await,
            Self::Import(args) => args.run(output).await,
            Self::Status(caller) => status::show(&caller, output).await,
            Self::Back(caller) => home::back(&caller, output).await,
        }
    }
}

/// The did:web of a node, as it says itself.
async fn node_did(client: &NodeClient) -> Result<Did, CommandError> {
    let document: Value = client.get("/.well-known/did.json").await?;
    let did = document
        .get("id")
        .and_then(Value::as_str)
        .and_then(|id| id.parse().ok());
    did.ok_or_else(|| CommandError::Local("this is no address of a node: its document says no DID".to_owned()))
}

/// The list in a member of a document; nothing, where there is none.
fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    let found = value.get(name).and_then(Value::as_array);
    found.map(Vec::as_slice).unwrap_or_default()
}
