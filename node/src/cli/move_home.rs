use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use imajin_did::{Did, PublicKey};
use imajin_kernel::Env;
use imajin_key_log::{KeyLog, Status};
use imajin_profile_api::{ProfileSet, ProfileView};
use imajin_proof::{SignedMessage, digest, jcs};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::client::IdentityClient;
use super::{CommandError, KeyArg, NodeArg, Output};

const BUNDLE_TYPE: &str = "move-bundle";
const MOVE_TYPE: &str = "move";
const FORMAT: &str = "imajin-move";
/// A node takes so many statements at once.
const STATEMENTS_MAX: usize = 100;

/// Move to another node with what is yours: the key log, the profile, who you are connected with, what you have made.
///
/// The DID stays. Money and tickets stay where they are: `imajin peers home` sends money after you.
#[derive(Debug, Subcommand)]
pub(super) enum MoveCommand {
    /// Save what you have at a node in a file that you sign.
    Export {
        #[command(flatten)]
        from: Who,
        /// The file to write; it must not exist yet.
        #[arg(long, value_name = "FILE", default_value = "imajin-move.json")]
        out: PathBuf,
    },
    /// Check such a file, without any node.
    Verify {
        /// The file.
        file: PathBuf,
    },
    /// Bring what is in such a file to another node; what is there already stays as it is.
    Import {
        #[command(flatten)]
        to: Who,
        /// The file.
        file: PathBuf,
        /// The handle to register there.
        #[arg(long)]
        handle: Option<String>,
    },
    /// Have the old node lead to the new one, where you are registered already. With the old one itself: come back.
    Home {
        #[command(flatten)]
        from: Who,
        /// The new node, `https://node.example`.
        new: Url,
    },
}

#[derive(Debug, Args)]
pub(super) struct Who {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
}

/// What is written: what a node has exported, and its owner's signature over all of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Bundle {
    format: String,
    export: Value,
    signature: SignedMessage,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BundleClaim {
    /// The node that the export is from.
    from: Url,
    /// SHA-256 of the canonical export (RFC 8785), in hex.
    digest: String,
}

/// A bundle that was checked.
struct Checked {
    did: Did,
    export: Value,
    log: KeyLog,
}

/// What became of a part.
#[derive(Debug, Serialize)]
struct Step {
    part: &'static str,
    brought: usize,
    of: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

fn local(text: impl Into<String>) -> CommandError {
    CommandError::Local(text.into())
}

impl MoveCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Export { from, out } => export(&from, &out, output).await,
            Self::Verify { file } => {
                let checked = bundle_read(&file)?;
                let said = json!({"did": checked.did, "verified": true});
                output.result(&said, |_| format!("Signed by {}, and as it was signed.", checked.did));
                Ok(())
            }
            Self::Import { to, file, handle } => import(&to, &file, handle.as_deref(), output).await,
            Self::Home { from, new } => home(&from, &new, output).await,
        }
    }
}

async fn export(from: &Who, out: &Path, output: Output) -> Result<(), CommandError> {
    let client = from.node.signing(&from.key)?;
    let session = client.login().await?;
    let mut text = Vec::new();
    client.download_own(&session, "/profile/api/export", &mut text).await?;
    client.logout(&session).await?;
    let export: Value = serde_json::from_slice(&text).map_err(|error| local(format!("the export is none: {error}")))?;
    let missing = list(&export, "missing").len();
    let claim = BundleClaim {
        from: from.node.node.clone(),
        digest: digest_of(&export)?,
    };
    let payload = serde_json::to_value(&claim).map_err(|error| local(error.to_string()))?;
    let now = client.node().env().now();
    let signature = SignedMessage::sign(client.key(), client.did().clone(), BUNDLE_TYPE, None, now, payload)
        .map_err(|error| local(error.to_string()))?;
    let bundle = Bundle {
        format: FORMAT.to_owned(),
        export,
        signature,
    };
    let text = serde_json::to_vec_pretty(&bundle).map_err(|error| local(error.to_string()))?;
    let unwritable = |error| local(format!("{} cannot be written: {error}", out.display()));
    let mut file = std::fs::File::create_new(out).map_err(unwritable)?;
    file.write_all(&text)
        .and_then(|()| file.sync_all())
        .map_err(unwritable)?;
    let saved = json!({"file": out.display().to_string(), "did": client.did(), "missing": missing});
    output.result(&saved, |_| {
        let warning = if missing > 0 {
            " Some of it is missing: see `missing` in the file."
        } else {
            ""
        };
        format!("Saved in {}.{warning}", out.display())
    });
    Ok(())
}

fn digest_of(export: &Value) -> Result<String, CommandError> {
    let bytes = jcs::to_bytes(export).map_err(|error| local(error.to_string()))?;
    Ok(digest::sha256_hex(&bytes))
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The bundle of a file: as it was signed, by a key that its own key log lets count.
fn bundle_read(file: &Path) -> Result<Checked, CommandError> {
    let text = std::fs::read(file).map_err(|error| local(format!("{} cannot be read: {error}", file.display())))?;
    let none = |error: serde_json::Error| local(format!("{} is no bundle: {error}", file.display()));
    let bundle: Bundle = serde_json::from_slice(&text).map_err(none)?;
    if bundle.format != FORMAT {
        return Err(local(format!(
            "{} is no bundle: its format is `{}`",
            file.display(),
            bundle.format
        )));
    }
    let did = bundle.signature.from.canonical();
    let claim: BundleClaim = bundle
        .signature
        .payload_as()
        .map_err(|error| local(error.to_string()))?;
    if claim.digest != digest_of(&bundle.export)? {
        return Err(local("the bundle was changed after it was signed: export it again"));
    }
    let account = bundle.export.get("account").cloned().unwrap_or_default();
    let owner = account
        .pointer("/identity/did")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if owner != did.as_str() {
        return Err(local(format!(
            "the bundle is about {owner} and signed by {did}: nobody brings what is another's"
        )));
    }
    let log: KeyLog = serde_json::from_value(account.get("keyLog").cloned().unwrap_or_default()).map_err(none)?;
    let keys = keys_of(&did, &log)?;
    bundle
        .signature
        .verify_any(BUNDLE_TYPE, &keys)
        .map_err(|error| local(format!("the bundle is not signed by its owner: {error}")))?;
    Ok(Checked {
        did,
        export: bundle.export,
        log,
    })
}

fn keys_of(did: &Did, log: &KeyLog) -> Result<Vec<PublicKey>, CommandError> {
    if log.entries.is_empty() {
        return did
            .public_key()
            .map(|key| vec![key])
            .ok_or_else(|| local(format!("{did} is no key")));
    }
    let everybody = |witness: &Did| -> Vec<PublicKey> { witness.public_key().into_iter().collect() };
    let now = Env::system().now();
    let state = log
        .verify(now, &everybody)
        .map_err(|error| local(format!("its key log does not hold: {error}")))?;
    if state.did.canonical() != *did || state.status != Status::Active {
        return Err(local("its key log is another's, contradicts itself, or has ended"));
    }
    Ok(state.keys)
}

async fn import(to: &Who, file: &Path, handle: Option<&str>, output: Output) -> Result<(), CommandError> {
    let bundle = bundle_read(file)?;
    let client = to.node.signing(&to.key)?;
    if *client.did() != bundle.did {
        let text = format!(
            "the bundle is of {}, and the key of {}: bring your own",
            bundle.did,
            client.did()
        );
        return Err(local(text));
    }
    if !bundle.log.entries.is_empty() {
        let _taken: Value = client.node().post_json("/auth/api/mirror", &bundle.log).await?;
    }
    let created = client.register(handle, None).await?;
    client.log_begin().await?;
    let steps = [
        profile_bring(&client, &bundle.export).await,
        statements_bring(&client, &bundle.export).await,
        manifests_bring(&client, &bundle.export).await,
    ];
    let done = json!({"did": bundle.did, "registered": created, "parts": steps});
    output.result(&done, |_| {
        let line = |step: &Step| {
            let problem = step
                .problem
                .as_ref()
                .map(|text| format!(": {text}"))
                .unwrap_or_default();
            format!("{}: {} of {}{problem}", step.part, step.brought, step.of)
        };
        let lead = if created {
            "Registered there."
        } else {
            "Registered there before."
        };
        let lines: Vec<String> = steps.iter().map(line).collect();
        format!("{lead}\n{}", lines.join("\n"))
    });
    if steps.iter().any(|step| step.problem.is_some()) {
        return Err(CommandError::Negative);
    }
    Ok(())
}

fn step(part: &'static str, of: usize, brought: Result<usize, (usize, CommandError)>) -> Step {
    match brought {
        Ok(brought) => Step {
            part,
            brought,
            of,
            problem: None,
        },
        Err((brought, error)) => Step {
            part,
            brought,
            of,
            problem: Some(error.to_string()),
        },
    }
}

/// The profile, if there is none at the new node yet: what was written there stays.
async fn profile_bring(client: &IdentityClient, export: &Value) -> Step {
    let view: Option<ProfileView> = export
        .get("profile")
        .and_then(|view| serde_json::from_value(view.clone()).ok());
    let Some(view) = view.filter(|view| view.version > 0) else {
        return step("profile", 0, Ok(0));
    };
    let brought = async {
        let session = client.login().await?;
        let there: ProfileView = client.get_own(&session, "/profile/api/profile").await?;
        client.logout(&session).await?;
        if there.version > 0 {
            return Ok(0);
        }
        let set = ProfileSet {
            version: 0,
            display_name: view.display_name,
            bio: view.bio,
            links: view.links,
            contact: view.contact,
        };
        let _saved: Value = client.send("PUT", "/profile/api/profile", &set, None).await?;
        Ok(1)
    };
    step("profile", 1, brought.await.map_err(|error: CommandError| (0, error)))
}

async fn statements_bring(client: &IdentityClient, export: &Value) -> Step {
    let all = export
        .get("trust")
        .map(|trust| list(trust, "statements"))
        .unwrap_or_default();
    let mut brought = 0_usize;
    for some in all.chunks(STATEMENTS_MAX) {
        let body = json!({"statements": some});
        let answer: Result<Value, CommandError> = client.send("POST", "/connections/api/import", &body, None).await;
        match answer {
            Ok(answer) => brought = brought.saturating_add(list(&answer, "imported").len()),
            Err(error) => return step("statements", all.len(), Err((brought, error))),
        }
    }
    step("statements", all.len(), Ok(brought))
}

async fn manifests_bring(client: &IdentityClient, export: &Value) -> Step {
    let all = list(export, "manifests");
    let mut brought = 0_usize;
    for record in all {
        let answer: Result<Value, CommandError> = client.send("POST", "/publisher/api/fair", record, None).await;
        match answer {
            Ok(answer) => {
                let is_new = answer.get("created").and_then(Value::as_bool).unwrap_or_default();
                brought = brought.saturating_add(usize::from(is_new));
            }
            Err(error) => return step("manifests", all.len(), Err((brought, error))),
        }
    }
    step("manifests", all.len(), Ok(brought))
}

/// The did:web of the node at an address.
fn web_did(url: &Url) -> Result<Did, CommandError> {
    let host = url.host_str().unwrap_or_default();
    let authority = url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    Did::from_web_authority(&authority).map_err(|_error| local(format!("{url} is no address of a node")))
}

async fn home(from: &Who, new: &Url, output: Output) -> Result<(), CommandError> {
    let client = from.node.signing(&from.key)?;
    let payload = json!({"from": web_did(&from.node.node)?, "to": web_did(new)?});
    let now = client.node().env().now();
    let word = SignedMessage::sign(client.key(), client.did().clone(), MOVE_TYPE, None, now, payload)
        .map_err(|error| local(error.to_string()))?;
    let path = format!("/auth/api/identity/{}/move", client.did());
    let moved: Value = client.send("POST", &path, &word, None).await?;
    output.result(&moved, |moved| {
        let url = moved.get("url").and_then(Value::as_str).unwrap_or_default();
        format!("You are at home at {url} now, and the node says so.")
    });
    Ok(())
}
