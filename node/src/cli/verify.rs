use clap::Args;

use super::database::DatabaseArg;
use super::{CommandError, DataArg, Output};
use crate::data_dir::DataDir;
use crate::verify::{Report, verify};

/// Recompute everything.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    data: DataArg,
    #[command(flatten)]
    database: DatabaseArg,
}

impl VerifyArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let data = DataDir::open(&self.data.path())?;
        let config = self.database.config(&data)?;
        let report = verify(&data, &config).await?;
        let clean = report.findings.is_empty() && report.unchecked.is_empty();
        output.result(&report, text);
        if clean { Ok(()) } else { Err(CommandError::Negative) }
    }
}

fn text(report: &Report) -> String {
    let checked = report.services.join(", ");
    if report.findings.is_empty() && report.unchecked.is_empty() {
        return format!("Everything fits: {checked}.");
    }
    let mut lines: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    lines.extend(report.unchecked.iter().map(ToString::to_string));
    if !report.unchecked.is_empty() {
        lines.push("Start the process that runs auth, and check again: it shows the logs of their keys.".to_owned());
    }
    lines.push(format!("{} findings in {checked}.", report.findings.len()));
    lines.join("\n")
}
