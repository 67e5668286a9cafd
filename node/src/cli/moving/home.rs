//! Telling the home that somebody leaves where they went.

use imajin_did::Did;
use imajin_kernel::{Code, Timestamp};
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::node_did;
use crate::cli::caller::Caller;
use crate::cli::client::{IdentityClient, NodeClient};
use crate::cli::key_file::local;
use crate::cli::{CommandError, Output};

const MESSAGE_TYPE: &str = "move";

/// Where somebody is at home, as the node says that they have left.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Moved {
    pub(super) did: Did,
    pub(super) to: Did,
    pub(super) url: String,
    pub(super) since: Timestamp,
}

fn path_of(did: &Did) -> String {
    format!("/auth/api/identity/{did}/move")
}

/// Where a node says that somebody went; `None` for whoever is still there, or never was.
pub(super) async fn moved_find(node: &NodeClient, did: &Did) -> Result<Option<Moved>, CommandError> {
    match node.get(&path_of(did)).await {
        Ok(moved) => Ok(Some(moved)),
        Err(CommandError::Problem(problem)) if problem.code == Code::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives the old home the person's word. Said twice, it counts once.
pub(super) async fn move_tell(old: &IdentityClient, from: &Did, to: &Did) -> Result<Moved, CommandError> {
    let payload = json!({"from": from, "to": to});
    let now = old.node().env().now();
    let word = SignedMessage::sign(old.key(), old.did().clone(), MESSAGE_TYPE, None, now, payload).map_err(local)?;
    old.send("POST", &path_of(old.did()), &word, None).await
}

/// `imajin move back`.
pub(super) async fn back(caller: &Caller, output: Output) -> Result<(), CommandError> {
    let client = caller.node.signing(&caller.key)?;
    let own = node_did(client.node()).await?;
    let home = move_tell(&client, &own, &own).await?;
    output.result(&home, |home| format!("You are at home at {} again.", home.url));
    Ok(())
}
