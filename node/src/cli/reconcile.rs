use clap::Args;
use serde_json::{Value, json};

use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

/// Compare the rails of a node with its ledger.
#[derive(Debug, Args)]
pub(super) struct ReconcileArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// Only this rail, for example stripe; `ledger` for the ledger with itself.
    #[arg(long, value_name = "NAME", conflicts_with = "scope")]
    rail: Option<String>,
    /// Only this: `rail:<name>`, `broker:<issuer>` or `ledger`, as the rounds are called.
    #[arg(long)]
    scope: Option<String>,
}

impl ReconcileArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let rail = self.rail.map(|rail| match rail.as_str() {
            "ledger" => rail,
            name => format!("rail:{name}"),
        });
        let scope = self.scope.or(rail);
        let client = self.node.signing(&self.key)?;
        let found: Value = client
            .send("POST", "/pay/api/reconciliation", &json!({"scope": scope}), None)
            .await?;
        let is_open = list(&found, "open").iter().any(|each| {
            let here = each.get("scope").and_then(Value::as_str);
            scope.as_deref().is_none_or(|scope| here == Some(scope))
        });
        output.result(&found, text);
        if is_open { Err(CommandError::Negative) } else { Ok(()) }
    }
}

fn list<'a>(found: &'a Value, name: &str) -> &'a [Value] {
    found
        .get(name)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn cell(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn text(found: &Value) -> String {
    let round = |round: &Value| {
        let checked = round.get("checked").and_then(Value::as_i64).unwrap_or_default();
        let state = match cell(round, "problem") {
            problem if problem.is_empty() => cell(round, "state").replace('_', " "),
            problem => problem,
        };
        vec![cell(round, "scope"), state, format!("{checked} compared")]
    };
    let rounds: Vec<_> = list(found, "rounds").iter().map(round).collect();
    let mut parts = vec![table(&rounds)];
    for each in list(found, "open") {
        parts.push(format!(
            "\n{} {}: {}\n  {}",
            cell(each, "scope"),
            cell(each, "subject"),
            cell(each, "detail"),
            cell(each, "advice")
        ));
    }
    if list(found, "open").is_empty() {
        parts.push("\nNo differences.".to_owned());
    }
    parts.join("\n")
}
