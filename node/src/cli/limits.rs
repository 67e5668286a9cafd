use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

/// What accounts may do at most.
#[derive(Debug, Subcommand)]
pub(super) enum LimitsCommand {
    /// Show the accounts that have limits, as the operator.
    List {
        #[command(flatten)]
        node: NodeArg,
        #[command(flatten)]
        key: KeyArg,
    },
    /// Set the limits of an account, as the operator: all at once, and what is not said is not limited.
    Set(SetArgs),
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// Whose account: a DID, or rail:NAME.
    owner: String,
    /// What it counts, for example USD.
    currency: String,
    /// What must stay.
    #[arg(long, value_name = "AMOUNT")]
    balance_min: Option<String>,
    /// What it may come to. 0 for a rail: no more goes out through it than came in.
    #[arg(long, value_name = "AMOUNT")]
    balance_max: Option<String>,
    /// What may leave at once.
    #[arg(long, value_name = "AMOUNT")]
    entry_max: Option<String>,
    /// What may leave in a day, counted in UTC.
    #[arg(long, value_name = "AMOUNT")]
    day_max: Option<String>,
}

impl LimitsCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::List { node, key } => {
                let client = node.signing(&key)?;
                let session = client.login().await?;
                let mut all: Vec<Value> = Vec::new();
                loop {
                    let after = all.last().and_then(|last| last.get("account")).and_then(Value::as_str);
                    let path = format!("/pay/api/limits?after={}", after.unwrap_or_default());
                    let page: Value = client.get_own(&session, &path).await?;
                    let page = page
                        .get("limits")
                        .and_then(Value::as_array)
                        .cloned()
                        .unwrap_or_default();
                    if page.is_empty() {
                        break;
                    }
                    all.extend(page);
                }
                output.result(&json!({"limits": all}), text);
            }
            Self::Set(args) => {
                let client = args.node.signing(&args.key)?;
                let set: Value = client.send("POST", "/pay/api/limits", &args.body(), None).await?;
                output.result(&set, |set| text(&json!({"limits": [set]})));
            }
        }
        Ok(())
    }
}

impl SetArgs {
    fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("owner".to_owned(), json!(self.owner));
        body.insert("currency".to_owned(), json!(self.currency));
        let limits = [
            ("balanceMin", &self.balance_min),
            ("balanceMax", &self.balance_max),
            ("entryMax", &self.entry_max),
            ("dayMax", &self.day_max),
        ];
        for (name, amount) in limits {
            if let Some(amount) = amount {
                body.insert(name.to_owned(), json!(amount));
            }
        }
        Value::Object(body)
    }
}

fn text(answer: &Value) -> String {
    let all = answer
        .get("limits")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let row = |limits: &Value| {
        let cell = |name: &str| limits.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
        [
            "owner",
            "currency",
            "balanceMin",
            "balanceMax",
            "entryMax",
            "dayMax",
            "dayOut",
        ]
        .map(cell)
        .to_vec()
    };
    if all.is_empty() {
        return "No account has limits.".to_owned();
    }
    let heads = [
        "Owner",
        "Currency",
        "Keeps",
        "At most",
        "Out at once",
        "Out a day",
        "Out today",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(all.iter().map(row));
    table(&rows)
}
