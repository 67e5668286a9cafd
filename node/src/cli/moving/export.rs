use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use clap::Args;
use imajin_did::Did;
use imajin_proof::{SignedMessage, digest};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::bundle::{Contents, FORMAT_VERSION, Folder, MESSAGE_TYPE, message_read};
use super::home::moved_find;
use super::works::works_save;
use super::{list, node_did};
use crate::cli::caller::Caller;
use crate::cli::client::IdentityClient;
use crate::cli::key_file::local;
use crate::cli::{CommandError, Output};
use crate::data_dir::write_private;

/// Take along what is yours.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    #[command(flatten)]
    caller: Caller,
    /// The node that you move to, `https://node.example`; the folder counts there and nowhere else.
    #[arg(long, value_name = "URL")]
    to: Url,
    /// The folder to write. Repeated, it is brought up to date.
    #[arg(long, value_name = "FOLDER", default_value = "imajin-move")]
    out: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    folder: PathBuf,
    did: Did,
    to: Did,
    works: usize,
    /// What the node could not give, as it says.
    missing: Vec<Value>,
}

impl ExportArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let folder = Folder::new(&self.out);
        let from = node_did(client.node()).await?;
        let to = self.destination(&client, &from).await?;
        folder_ready(&folder, client.did())?;
        let session = client.login().await?;
        let mut text = Vec::new();
        client.download_own(&session, "/profile/api/export", &mut text).await?;
        let export: Value = serde_json::from_slice(&text)
            .map_err(|error| local(format!("the node sent no complete document: {error}")))?;
        write_private(&folder.export(), &text)?;
        let works = works_save(&client, &session, &folder, output).await?;
        client.logout(&session).await?;
        let contents = Contents {
            format_version: FORMAT_VERSION,
            from,
            from_url: client.node().url("/")?,
            export: digest::sha256_hex(&text),
            works,
        };
        let exported = Exported {
            folder: self.out,
            did: client.did().clone(),
            to: to.clone(),
            works: contents.works.len(),
            missing: list(&export, "missing").to_vec(),
        };
        sign(&client, &folder, to, &contents)?;
        output.result(&exported, exported_text);
        Ok(())
    }

    /// The new node, which must be another one, and the one where the person has moved if they have.
    async fn destination(&self, client: &IdentityClient, from: &Did) -> Result<Did, CommandError> {
        let new = self.caller.node.at(self.to.clone());
        let to = node_did(&new.client()?).await?;
        if to == *from {
            return Err(local("--to is the node that you are at: name the one that you move to"));
        }
        match moved_find(client.node(), client.did()).await? {
            Some(moved) if moved.to != to => Err(local(format!(
                "you have moved to {} already: move on from there, or come back first with `imajin move back`",
                moved.url
            ))),
            _ => Ok(to),
        }
    }
}

/// Makes the folder. Of another person nothing is written over; an old list goes first, so that one that is there is
/// about what is there.
fn folder_ready(folder: &Folder, did: &Did) -> Result<(), CommandError> {
    let unusable = |error: std::io::Error| local(format!("{} cannot be used: {error}", folder.path().display()));
    let mut builder = std::fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(folder.works())
        .map_err(unusable)?;
    if !folder.bundle().exists() {
        return Ok(());
    }
    let before = message_read(folder)?;
    if before.from.canonical() != did.canonical() {
        let text = format!(
            "{} holds what is of {}: choose another folder",
            folder.path().display(),
            before.from
        );
        return Err(local(text));
    }
    std::fs::remove_file(folder.bundle()).map_err(unusable)
}

fn sign(client: &IdentityClient, folder: &Folder, to: Did, contents: &Contents) -> Result<(), CommandError> {
    let payload = serde_json::to_value(contents).map_err(local)?;
    let now = client.node().env().now();
    let message = SignedMessage::sign(client.key(), client.did().clone(), MESSAGE_TYPE, Some(to), now, payload);
    let text = serde_json::to_vec_pretty(&message.map_err(local)?).map_err(local)?;
    Ok(write_private(&folder.bundle(), &text)?)
}

fn exported_text(exported: &Exported) -> String {
    let lead = format!(
        "Saved in {}, with {} works. Bring it to the new node: imajin move import {0}",
        exported.folder.display(),
        exported.works
    );
    let line = |missing: &Value| {
        let text = |name: &str| missing.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        format!("\nMissing: {} ({})", text("part"), text("reason"))
    };
    exported.missing.iter().map(line).fold(lead, |text, line| text + &line)
}
