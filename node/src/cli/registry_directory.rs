//! The signed directory of one's own registry.

use clap::Subcommand;
use imajin_registry_api::DirectoryResumed;
use serde_json::json;
use url::Url;

use super::caller::Caller;
use super::registry::order;
use super::{CommandError, Output};

/// The registry's own signed directory.
#[derive(Debug, Subcommand)]
pub(super) enum OwnDirectoryCommand {
    /// After the database was restored from a backup: put back what copies have seen of the directory since then, so
    /// that it goes on after the newest number instead of telling another story.
    Resume {
        #[command(flatten)]
        who: Caller,
        /// The registry service of a node that keeps a copy, `https://node.example/registry`. May be repeated: the one
        /// that has most is read, and the others must agree with it.
        #[arg(long, value_name = "URL", required = true)]
        from: Vec<Url>,
    },
}

impl OwnDirectoryCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let Self::Resume { who, from } = self;
        let done = order(&who, "directory/resume", &json!({"from": from})).await?;
        let resumed: DirectoryResumed =
            serde_json::from_value(done).map_err(|error| CommandError::Local(error.to_string()))?;
        output.result(&resumed, resumed_text);
        Ok(())
    }
}

fn resumed_text(resumed: &DirectoryResumed) -> String {
    let mut lines = vec![format!(
        "{} heads and {} entries were put back. The directory goes on after number {}.",
        resumed.heads, resumed.entries, resumed.seq
    )];
    let revoked = resumed.revoked.iter();
    lines.extend(
        revoked.map(|did| format!("{did} was taken off after the backup, and stays off unless you reinstate it.")),
    );
    lines.join("\n")
}
