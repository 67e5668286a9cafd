use std::path::PathBuf;

use clap::Args;
use imajin_did::Did;
use imajin_key_log::KeyLog;
use serde::Serialize;
use serde_json::{Value, json};

use super::bundle::{Bundle, status_check};
use super::consent::{consent_bring, grants_left};
use super::home::{Moved, move_tell, moved_find};
use super::node_did;
use super::parts::{Part, is_taken, manifests_bring, profile_bring, statements_bring};
use super::works::works_bring;
use crate::cli::caller::Caller;
use crate::cli::client::IdentityClient;
use crate::cli::key_file::local;
use crate::cli::key_log::PublishedLog;
use crate::cli::{CommandError, Output};

/// Bring what is yours, and have the old node lead here.
#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    #[command(flatten)]
    caller: Caller,
    /// The folder from `imajin move export`.
    folder: PathBuf,
    /// The handle to take at the new node; the one that you had, if nobody has it there.
    #[arg(long)]
    handle: Option<String>,
    /// Bring the grants, too: let those who may know something of you by the old home know it by the new one.
    #[arg(long)]
    grants: bool,
    /// Move also when something could not be brought.
    #[arg(long)]
    anyway: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Imported {
    did: Did,
    /// The new home.
    node: Did,
    handle: Option<String>,
    parts: Vec<Part>,
    /// What the old home says now; nothing, if it has not been told.
    moved: Option<Moved>,
    /// Why it has not been told, or what else is to be known.
    notes: Vec<String>,
}

/// What the old home says before anything is brought.
struct Old {
    client: IdentityClient,
    /// The newest version of the key log that is known.
    log: KeyLog,
    note: Option<String>,
}

impl ImportArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let bundle = Bundle::read(&self.folder)?;
        let client = self.caller.node.signing(&self.caller.key)?;
        if *client.did() != bundle.did {
            return Err(local(format!(
                "the bundle is of {}, and the key of {}: everybody brings their own",
                bundle.did,
                client.did()
            )));
        }
        let node = node_did(client.node()).await?;
        if node != bundle.to {
            return Err(local(format!(
                "the bundle is for {}, and this is {node}: export it for this one",
                bundle.to
            )));
        }
        let old = self.old_ask(&bundle).await?;
        if !old.log.entries.is_empty() {
            let _taken: Value = client.node().post_json("/auth/api/mirror", &old.log).await?;
        }
        let (handle, taken) = self.register(&client, &bundle, &old.log).await?;
        let [profile, picture] = profile_bring(&client, &bundle).await;
        let statements = statements_bring(&client, &bundle).await;
        let [grants, consent] = consent_bring(&client, &bundle, self.grants).await;
        let mut done = Imported {
            parts: vec![
                profile,
                picture,
                statements,
                grants,
                consent,
                manifests_bring(&client, &bundle).await,
                works_bring(&client, &bundle, output).await,
            ],
            did: bundle.did.clone(),
            node,
            handle,
            moved: None,
            notes: old.note.iter().cloned().chain(taken).collect(),
        };
        let left = if self.grants { 0 } else { grants_left(&bundle) };
        if left > 0 {
            let text = format!("{left} grants that the old node calls yours were not brought: look, and say --grants.");
            done.notes.push(text);
        }
        self.announce(&client, &old, &bundle, &mut done).await;
        output.result(&done, imported_text);
        if done.moved.is_none() {
            return Err(CommandError::Negative);
        }
        Ok(())
    }

    /// Asks the old home what has happened since the export. While it is away, what is in the bundle counts.
    async fn old_ask(&self, bundle: &Bundle) -> Result<Old, CommandError> {
        let old = self.caller.node.at(bundle.contents.from_url.clone());
        let client = old.signing(&self.caller.key)?;
        match moved_find(client.node(), &bundle.did).await {
            Ok(Some(moved)) if moved.to != bundle.to => {
                let text = format!(
                    "you have moved to {} already: nobody has two homes. Move on from there",
                    moved.url
                );
                return Err(local(text));
            }
            Ok(_) => {}
            Err(error) => {
                return Ok(Old {
                    client,
                    log: bundle.log.clone(),
                    note: Some(format!("The old home does not answer: {error}")),
                });
            }
        }
        let log = PublishedLog::fetch(client.node(), bundle.did.as_str()).await?;
        status_check(log.status)?;
        Ok(Old {
            client,
            log: log.log(),
            note: None,
        })
    }

    /// Registers at the new node; the handle that one has there, and what is to be said about it.
    async fn register(
        &self,
        client: &IdentityClient,
        bundle: &Bundle,
        log: &KeyLog,
    ) -> Result<(Option<String>, Option<String>), CommandError> {
        let text = |path: &str| bundle.data.pointer(path).and_then(Value::as_str);
        let (had, kind) = (text("/account/identity/handle"), text("/account/identity/type"));
        let name = text("/account/identity/name");
        let wanted = self.handle.as_deref().or(had);
        let mut body = json!({"type": kind, "handle": wanted, "name": name});
        if log.entries.is_empty()
            && let Some(entry) = client.first_entry()?
        {
            member_set(&mut body, "keyLog", serde_json::to_value(entry).map_err(local)?);
        }
        let registered = match client.register_with(body.clone()).await {
            Err(error) if is_taken(&error) && wanted.is_some() && self.handle.is_none() => {
                member_set(&mut body, "handle", Value::Null);
                // Refused for another reason than the handle, it is refused again.
                client.register_with(body).await?
            }
            registered => registered?,
        };
        let handle = registered.get("handle").and_then(Value::as_str).map(str::to_owned);
        let note = wanted
            .filter(|wanted| handle.as_deref() != Some(wanted))
            .map(|wanted| format!("You are not @{wanted} there: choose a handle with `imajin profile handle`."));
        Ok((handle, note))
    }

    /// Has the old home lead to the new one, and the new one take the person for its own.
    async fn announce(&self, client: &IdentityClient, old: &Old, bundle: &Bundle, done: &mut Imported) {
        if !self.anyway && done.parts.iter().any(|part| !part.problems.is_empty()) {
            let text = "Not everything could be brought, so the old home was not told: repeat this, or say --anyway.";
            done.notes.push(text.to_owned());
            return;
        }
        match move_tell(&old.client, &bundle.contents.from, &bundle.to).await {
            Ok(moved) => done.moved = Some(moved),
            Err(error) => {
                let text = format!("The old home does not lead here yet: {error} Repeat this when that is mended.");
                done.notes.push(text);
                return;
            }
        }
        // Whoever was known there as coming from elsewhere is at home there once the old home confirms it.
        let kind = bundle.data.pointer("/account/identity/type");
        if let Err(error) = client.register_with(json!({"type": kind})).await {
            done.notes.push(format!("The new home has not noticed yet: {error}"));
        }
    }
}

fn member_set(body: &mut Value, name: &str, value: Value) {
    if let Some(members) = body.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

fn imported_text(done: &Imported) -> String {
    let handle = done.handle.as_ref().map(|handle| format!(" as @{handle}"));
    let mut lines = vec![format!("Registered{}.", handle.unwrap_or_default())];
    lines.extend(done.parts.iter().map(Part::line));
    lines.extend(done.notes.iter().cloned());
    if let Some(moved) = &done.moved {
        lines.push(format!(
            "You are at home at {} now, and the old node says so. What is left there: imajin move status",
            moved.url
        ));
    }
    lines.join("\n")
}
