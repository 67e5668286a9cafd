use std::path::PathBuf;

use clap::{Args, ValueEnum};
use imajin_kernel::Timestamp;
use serde_json::Value;

use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

/// Show what happened on your accounts, or save it for a spreadsheet or an accountant.
#[derive(Debug, Args)]
pub(super) struct StatementArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The beginning, RFC 3339; 31 days before the end, if not said.
    #[arg(long)]
    from: Option<Timestamp>,
    /// The end, which is not part of it; now, if not said.
    #[arg(long)]
    to: Option<Timestamp>,
    /// One line for each part of each payment, with what an accountant asks for, instead of the accounts' lines.
    #[arg(long)]
    export: bool,
    /// Everybody's payments, for the operator of the node; with --export.
    #[arg(long, requires = "export")]
    all: bool,
    /// The form of the file.
    #[arg(long, value_enum, default_value_t = Format::Csv, requires = "out")]
    format: Format,
    /// Save it to this file, which must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Json,
}

impl StatementArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let session = client.login().await?;
        let Some(out) = &self.out else {
            let lines: Value = client.get_own(&session, &self.path(Format::Json)).await?;
            output.result(&lines, |lines| text(lines, self.export));
            return Ok(());
        };
        let wrong = |error: std::io::Error| CommandError::Local(format!("{}: {error}", out.display()));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(out)
            .map_err(wrong)?;
        let bytes = client
            .download_own(&session, &self.path(self.format), &mut file)
            .await?;
        let document = serde_json::json!({"file": out, "bytes": bytes});
        output.result(&document, |_document| format!("Saved to {}.", out.display()));
        Ok(())
    }

    fn path(&self, format: Format) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("format", if format == Format::Csv { "csv" } else { "json" });
        for (name, time) in [("from", self.from), ("to", self.to)] {
            if let Some(time) = time {
                query.append_pair(name, &time.to_string());
            }
        }
        if self.all {
            query.append_pair("all", "true");
        }
        let what = if self.export { "export" } else { "statement" };
        format!("/pay/api/{what}?{}", query.finish())
    }
}

fn text(document: &Value, export: bool) -> String {
    let lines = document
        .get("lines")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if lines.is_empty() {
        return "Nothing happened in this time.".to_owned();
    }
    let columns: &[&str] = if export {
        &[
            "time", "amount", "currency", "state", "role", "payee", "title", "receipt",
        ]
    } else {
        &["time", "amount", "balance", "currency", "purpose", "kind", "reference"]
    };
    let cell = |line: &Value, column: &str| line.get(column).and_then(Value::as_str).unwrap_or_default().to_owned();
    let row = |line: &Value| columns.iter().map(|column| cell(line, column)).collect();
    table(&lines.iter().map(row).collect::<Vec<Vec<String>>>())
}
