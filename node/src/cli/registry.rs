//! What the operator of a registry orders.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::Env;
use imajin_proof::{SignedMessage, digest};
use imajin_registry_api::{
    BuildStanding, Console, DirectoryTrouble, RELEASE_KIND, ReleaseBody, ReleaseBuild, SignedRelease,
};
use serde_json::{Value, json};

use super::caller::{Caller, key_read};
use super::output::table;
use super::registry_directory::OwnDirectoryCommand;
use super::{CommandError, NodeArg, Output};

/// The registry of a node, for its operator.
#[derive(Debug, Subcommand)]
pub(super) enum RegistryCommand {
    /// Show builds, release keys, nodes that were taken off, names that are not in DNS yet, and whether the sweeper
    /// holds back.
    Status(Caller),
    /// Take a node off: it neither renews nor says that it lives, and its name leaves DNS. The reason is published.
    Revoke {
        #[command(flatten)]
        who: Caller,
        /// The node.
        #[arg(value_name = "DID")]
        node_id: Did,
        /// Why; anybody may read it.
        #[arg(long)]
        reason: String,
    },
    /// Take a node back.
    Reinstate {
        #[command(flatten)]
        who: Caller,
        /// The node.
        #[arg(value_name = "DID")]
        node_id: Did,
    },
    /// Say of a build that it may be run, or should not be run any more.
    #[command(subcommand)]
    Build(BuildCommand),
    /// Trust the key of those who make releases, or trust it no more.
    #[command(subcommand)]
    ReleaseKey(ReleaseKeyCommand),
    /// Sign a release, or bring one to a registry.
    #[command(subcommand)]
    Release(ReleaseCommand),
    /// Names in DNS.
    #[command(subcommand)]
    Names(NamesCommand),
    /// The registry's own signed directory.
    #[command(subcommand)]
    Directory(OwnDirectoryCommand),
}

/// What is said of a build.
#[derive(Debug, Subcommand)]
pub(super) enum BuildCommand {
    /// It may be run, whoever made it.
    Approve(RuleArgs),
    /// It should not be run any more: its nodes are asked to upgrade.
    Deprecate(RuleArgs),
}

/// A build, and why.
#[derive(Debug, Args)]
pub(super) struct RuleArgs {
    #[command(flatten)]
    who: Caller,
    /// SHA-256 of the binary, as `imajin node attest` shows it.
    #[arg(value_name = "HASH")]
    build_hash: String,
    /// Why; anybody may read it.
    #[arg(long)]
    reason: String,
    /// What to run instead.
    #[arg(long, value_name = "VERSION")]
    target_version: Option<String>,
}

/// Release keys.
#[derive(Debug, Subcommand)]
pub(super) enum ReleaseKeyCommand {
    /// Trust a key: builds in releases that it has signed are verified.
    Add {
        #[command(flatten)]
        who: Caller,
        /// The key, as `imajin key show` prints it.
        #[arg(value_name = "MULTIKEY")]
        public_key: PublicKeyArg,
        /// Whose it is, in one word.
        #[arg(long)]
        name: String,
    },
    /// Trust a key no more: nothing that it has signed is verified.
    Retire {
        #[command(flatten)]
        who: Caller,
        /// The key.
        #[arg(value_name = "MULTIKEY")]
        public_key: PublicKeyArg,
        /// Why; anybody may read it.
        #[arg(long)]
        reason: String,
    },
}

/// A Multikey on the command line.
#[derive(Debug, Clone)]
pub(super) struct PublicKeyArg(PublicKey);

impl std::str::FromStr for PublicKeyArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        PublicKey::from_multikey(text)
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

/// Releases.
#[derive(Debug, Subcommand)]
pub(super) enum ReleaseCommand {
    /// Sign a release of these binaries; print it.
    Sign {
        /// The file with the release key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The version, as `imajin --version` of the binaries says it.
        #[arg(long)]
        version: String,
        /// A binary with the machines that it is for: `x86_64-unknown-linux-gnu=target/release/imajin`. May be
        /// repeated.
        #[arg(value_name = "TARGET=FILE", required = true)]
        builds: Vec<String>,
    },
    /// Bring a signed release to a registry. Anybody may.
    Add {
        #[command(flatten)]
        node: NodeArg,
        /// The file that `imajin --json registry release sign` has printed.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Names in DNS.
#[derive(Debug, Subcommand)]
pub(super) enum NamesCommand {
    /// Take the names of nodes that are gone out of DNS, also while the sweeper holds back.
    Sweep(Caller),
    /// Publish every name again: the zone was lost, or somebody else serves it now.
    Republish(Caller),
    /// Try names that could not be published again now.
    Retry(Caller),
}

pub(super) async fn order(who: &Caller, path: &str, body: &Value) -> Result<Value, CommandError> {
    let client = who.node.signing(&who.key)?;
    client
        .send("POST", &format!("/registry/api/operator/{path}"), body, None)
        .await
}

/// Orders, and says that it is done.
async fn ordered(who: &Caller, path: &str, body: &Value, said: String, output: Output) -> Result<(), CommandError> {
    let done = order(who, path, body).await?;
    output.result(&done, |_done| said.clone());
    Ok(())
}

impl RegistryCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Status(who) => {
                let (client, session) = who.client().await?;
                let console: Console = client.get_own(&session, "/registry/api/operator").await?;
                output.result(&console, console_text);
                Ok(())
            }
            Self::Revoke { who, node_id, reason } => {
                let said = format!("{node_id} is off: {reason}");
                let body = json!({"nodeId": node_id, "reason": reason});
                ordered(&who, "nodes/revoke", &body, said, output).await
            }
            Self::Reinstate { who, node_id } => {
                let said = format!("{node_id} is back. Its addresses come with its next heartbeat.");
                ordered(&who, "nodes/reinstate", &json!({"nodeId": node_id}), said, output).await
            }
            Self::Build(BuildCommand::Approve(args)) => args.run(BuildStanding::Approved, output).await,
            Self::Build(BuildCommand::Deprecate(args)) => args.run(BuildStanding::Deprecated, output).await,
            Self::ReleaseKey(command) => command.run(output).await,
            Self::Release(command) => command.run(output).await,
            Self::Names(command) => command.run(output).await,
            Self::Directory(command) => command.run(output).await,
        }
    }
}

impl RuleArgs {
    async fn run(self, standing: BuildStanding, output: Output) -> Result<(), CommandError> {
        let body = json!({
            "buildHash": self.build_hash, "standing": standing, "reason": self.reason,
            "targetVersion": self.target_version,
        });
        let said = match standing {
            BuildStanding::Approved => format!("{} is approved.", self.build_hash),
            BuildStanding::Deprecated => format!("{} is deprecated; its nodes are asked to upgrade.", self.build_hash),
        };
        ordered(&self.who, "builds", &body, said, output).await
    }
}

impl ReleaseKeyCommand {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Add { who, public_key, name } => {
                let said = format!("Releases signed by {} ({name}) are verified.", public_key.0);
                let body = json!({"publicKey": public_key.0, "name": name});
                ordered(&who, "release-keys", &body, said, output).await
            }
            Self::Retire {
                who,
                public_key,
                reason,
            } => {
                let said = format!("Nothing that {} has signed is verified any more.", public_key.0);
                let body = json!({"publicKey": public_key.0, "reason": reason});
                ordered(&who, "release-keys/retire", &body, said, output).await
            }
        }
    }
}

impl ReleaseCommand {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Sign { key, version, builds } => {
                let builds = builds.iter().map(|text| build_read(text)).collect::<Result<_, _>>()?;
                let release = release_sign(&key_read(&key)?, ReleaseBody { version, builds })?;
                output.result(&release, |release| {
                    let builds = &release.payload.builds;
                    let lines: Vec<String> = builds
                        .iter()
                        .map(|build| format!("{}  {}", build.build_hash, build.target))
                        .collect();
                    format!(
                        "{}\nPrint it with `imajin --json` to bring it to registries.",
                        lines.join("\n")
                    )
                });
                Ok(())
            }
            Self::Add { node, file } => {
                let text = std::fs::read(&file).map_err(|error| unreadable(&file, error))?;
                let release: SignedRelease = serde_json::from_slice(&text).map_err(|error| unreadable(&file, error))?;
                let done: Value = node
                    .client()?
                    .post_json("/registry/api/builds/releases", &release)
                    .await?;
                output.result(&done, |_done| {
                    format!("The builds of version {} are verified there.", release.payload.version)
                });
                Ok(())
            }
        }
    }
}

fn unreadable(file: &Path, error: impl std::fmt::Display) -> CommandError {
    CommandError::Local(format!("{} cannot be read: {error}", file.display()))
}

fn build_read(text: &str) -> Result<ReleaseBuild, CommandError> {
    let (target, file) = text
        .split_once('=')
        .ok_or_else(|| CommandError::Local(format!("`{text}` is not TARGET=FILE")))?;
    let bytes = std::fs::read(file).map_err(|error| unreadable(Path::new(file), error))?;
    Ok(ReleaseBuild {
        target: target.to_owned(),
        build_hash: digest::sha256_hex(&bytes),
    })
}

fn release_sign(key: &SecretKey, body: ReleaseBody) -> Result<SignedRelease, CommandError> {
    let now = Env::system().now();
    SignedMessage::sign(key, key.did(), RELEASE_KIND, None, now, body)
        .map_err(|error| CommandError::Local(error.to_string()))
}

impl NamesCommand {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let (who, path, what) = match &self {
            Self::Sweep(who) => (who, "names/sweep", "leave DNS"),
            Self::Republish(who) => (who, "names/republish", "are published again"),
            Self::Retry(who) => (who, "names/retry", "are tried now"),
        };
        let done = order(who, path, &json!({})).await?;
        output.result(&done, |done| {
            let names = done.get("names").and_then(Value::as_u64).unwrap_or_default();
            format!("{names} names {what}.")
        });
        Ok(())
    }
}

fn console_text(console: &Console) -> String {
    let served = if console.is_served { "served" } else { "not served" };
    let builds = if console.known_builds {
        "known builds only"
    } else {
        "any build"
    };
    let mut lines = vec![format!("{} ({served}; takes {builds})", console.zone)];
    lines.extend(console.directory.as_ref().map(DirectoryTrouble::text));
    if let Some(held) = console.held {
        lines.push(format!(
            "No name leaves DNS: {} of {} nodes fell silent together. `imajin registry names sweep` if they are gone.",
            held.silent_together, held.named
        ));
    }
    let rows: Vec<Vec<String>> = console
        .builds
        .iter()
        .map(|build| {
            let standing = build.standing.map(standing_text).unwrap_or_default().to_owned();
            let (nodes, hash) = (build.nodes.to_string(), build.build_hash.clone());
            vec![hash, build.version.clone(), build.status.clone(), standing, nodes]
        })
        .collect();
    lines.extend((!rows.is_empty()).then(|| table(&rows)));
    lines.extend(console.release_keys.iter().map(|key| {
        let retired = key.retired_reason.as_ref().map(|reason| format!(", retired: {reason}"));
        format!(
            "release key {} ({}){}",
            key.public_key,
            key.name,
            retired.unwrap_or_default()
        )
    }));
    lines.extend(console.revoked.iter().map(|node| {
        let reason = node.revoked_reason.as_deref().unwrap_or_default();
        format!("off: {} {}: {reason}", node.hostname, node.node_id)
    }));
    let waits = if console.is_served {
        "waits for its turn"
    } else {
        "this registry publishes no names (`registry_service.dns`)"
    };
    lines.extend(console.unpublished.iter().map(|name| {
        let error = name.last_error.as_deref().unwrap_or(waits);
        format!("not in DNS yet: {} since {}: {error}", name.name, name.since)
    }));
    lines.join("\n")
}

const fn standing_text(standing: BuildStanding) -> &'static str {
    match standing {
        BuildStanding::Approved => "approved",
        BuildStanding::Deprecated => "deprecated",
    }
}
