use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use imajin_did::Did;
use imajin_fair::commits::{Claims, GIT_LOG_ARGUMENTS, HistoryManifest, Weight, changes_of, commits_read, manifest_of};
use imajin_kernel::Env;
use serde_json::json;

use super::{file_read, file_write_new, local};
use crate::cli::key_file::signer_read;
use crate::cli::output::table;
use crate::cli::{CommandError, KeyArg, Output};

/// Make a manifest from the history of a git repository.
#[derive(Debug, Args)]
pub(in crate::cli) struct FromGitArgs {
    /// The repository.
    #[arg(value_name = "REPO")]
    repository: PathBuf,
    /// Which commits: anything that git understands as one, for example `v1.0..v2.0`.
    #[arg(long, default_value = "HEAD")]
    range: String,
    /// The claims file, from `imajin fair claims`, signed with the key that signs the manifest.
    #[arg(long, value_name = "FILE")]
    claims: PathBuf,
    #[command(flatten)]
    key: KeyArg,
    /// Who gets the part of addresses that nobody has claimed. Without it they are an error.
    #[arg(long, value_name = "DID")]
    unclaimed_to: Option<Did>,
    /// Points for every merged change.
    #[arg(long, default_value_t = Weight::default().per_change)]
    per_change: u64,
    /// Points for every line added or removed.
    #[arg(long, default_value_t = Weight::default().per_line)]
    per_line: u64,
    /// How many lines of one change count at most.
    #[arg(long, default_value_t = Weight::default().lines_max)]
    lines_max: u64,
    /// The title of the work.
    #[arg(long)]
    title: Option<String>,
    /// Write the signed manifest to this file, and what is attributed to whom beside it, with `.changes` in its name.
    /// Neither must exist yet.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl FromGitArgs {
    pub(super) fn run(self, output: Output) -> Result<(), CommandError> {
        let (key, author) = signer_read(&self.key.key)?;
        let claims: Claims = serde_json::from_slice(&file_read(&self.claims)?)
            .map_err(|error| local(format!("{}: {error}", self.claims.display())))?;
        let claims = claims.verify(&author, &key.public()).map_err(local)?;
        let commits = commits_read(&self.git_log()?).map_err(local)?;
        let weight = Weight {
            per_change: self.per_change,
            per_line: self.per_line,
            lines_max: self.lines_max,
        };
        let changes = changes_of(&commits);
        let mut made = manifest_of(&changes, &claims, self.unclaimed_to.as_ref(), weight).map_err(local)?;
        let now = Env::system().now();
        made.manifest.title.clone_from(&self.title);
        made.manifest.author = Some(author.clone());
        made.manifest.created = Some(now.to_string());
        made.manifest = made.manifest.sign(&key, author, now).map_err(local)?;
        if let Some(path) = &self.out {
            let pretty = |value: &serde_json::Value| serde_json::to_string_pretty(value).map(|text| text + "\n");
            let beside = path.with_extension("changes.json");
            file_write_new(path, &pretty(&made.manifest.to_value()).map_err(local)?)?;
            file_write_new(&beside, &pretty(&json!(made.changes)).map_err(local)?)?;
            output.note(&format!("Wrote {} and {}.", path.display(), beside.display()));
        }
        let document = json!({"manifest": made.manifest, "changes": made.changes});
        output.result(&document, |_document| text(&made));
        Ok(())
    }

    /// Asks git, without a shell. A range that begins with a hyphen would be an option.
    fn git_log(&self) -> Result<Vec<u8>, CommandError> {
        if self.range.starts_with('-') {
            return Err(local(format!("{} is no range of commits", self.range)));
        }
        let run = Command::new("git")
            .arg("-C")
            .arg(&self.repository)
            // What the repository's owner has configured must not change what is counted, nor run anything.
            .args([
                "-c",
                "log.showSignature=false",
                "-c",
                "core.fsmonitor=false",
                "--no-pager",
                "log",
            ])
            .args(GIT_LOG_ARGUMENTS)
            .args([
                "--no-ext-diff",
                "--no-textconv",
                "--no-color",
                "--no-mailmap",
                "--end-of-options",
            ])
            .arg(&self.range)
            .arg("--")
            .output();
        let done = run.map_err(|error| local(format!("git cannot be run: {error}")))?;
        if !done.status.success() {
            let words = String::from_utf8_lossy(&done.stderr);
            return Err(local(format!(
                "git: {}",
                words.trim().chars().take(300).collect::<String>()
            )));
        }
        Ok(done.stdout)
    }
}

fn text(made: &HistoryManifest) -> String {
    let row = |entry: &imajin_fair::Contributor| vec![entry.share.to_string(), entry.payee.to_string()];
    let rows: Vec<_> = made.manifest.contributors.iter().map(row).collect();
    format!(
        "{} from {} merged changes, signed\n{}",
        made.manifest.id,
        made.changes.len(),
        table(&rows)
    )
}
