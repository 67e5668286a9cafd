use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

const HOME: &str = "/pay/api/connect/home";

/// Money between nodes: what is owed, and where one's own is to arrive.
#[derive(Debug, Subcommand)]
pub(super) enum PeersCommand {
    /// What is owed by and to other nodes; for the operator.
    List(WhoArgs),
    /// Your money on its way between nodes.
    Remittances(WhoArgs),
    /// Have your money at a node sent to your home node.
    Home {
        #[command(flatten)]
        who: WhoArgs,
        /// The home node, for example `https://node.example`; without it, your money stays where it is.
        home: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct WhoArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
}

impl WhoArgs {
    async fn read(&self, path: &str) -> Result<Value, CommandError> {
        let client = self.node.signing(&self.key)?;
        let session = client.login().await?;
        client.get_own(&session, path).await
    }
}

impl PeersCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::List(who) => {
                let found = who.read("/pay/api/peers").await?;
                output.result(&found, peers_text);
            }
            Self::Remittances(who) => {
                let found = who.read("/pay/api/remittances").await?;
                output.result(&found, remittances_text);
            }
            Self::Home {
                who,
                home: Some(address),
            } => {
                let bound: Value = {
                    let client = who.node.signing(&who.key)?;
                    client.send("PUT", HOME, &json!({"node": address}), None).await?
                };
                output.result(&bound, |bound| {
                    format!("Your money is sent to {}.", cell(bound.get("home"), "url"))
                });
            }
            Self::Home { who, home: None } => {
                let client = who.node.signing(&who.key)?;
                client.send_empty("DELETE", HOME, Some(&Value::Null)).await?;
                output.result(&Value::Null, |_| "Your money stays here.".to_owned());
            }
        }
        Ok(())
    }
}

fn cell(value: Option<&Value>, name: &str) -> String {
    let found = value.and_then(|value| value.get(name));
    found.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn money(value: &Value, name: &str) -> String {
    let amount = value.get(name);
    format!("{} {}", cell(amount, "amount"), cell(amount, "currency"))
}

fn list<'a>(found: &'a Value, name: &str) -> &'a [Value] {
    let items = found.get(name).and_then(Value::as_array);
    items.map(Vec::as_slice).unwrap_or_default()
}

fn peers_text(found: &Value) -> String {
    let broker = |line: &Value| {
        let owes = format!("owes {}", money(line, "owes"));
        vec![
            cell(Some(line), "broker"),
            owes,
            format!("{} free", money(line, "free")),
        ]
    };
    let promise = |line: &Value| {
        let names = ["receipt", "broker", "state", "problem"];
        let mut cells: Vec<String> = names.iter().map(|name| cell(Some(line), name)).collect();
        cells.insert(1, money(line, "amount"));
        cells
    };
    let brokers: Vec<_> = list(found, "brokers").iter().map(broker).collect();
    let promises: Vec<_> = list(found, "promises").iter().map(promise).collect();
    [table(&brokers), table(&promises), remittances_text(found)].join("\n")
}

fn remittances_text(found: &Value) -> String {
    let line = |way: &'static str| {
        move |line: &Value| {
            let names = ["id", "node", "state", "problem"];
            let mut cells: Vec<String> = names.iter().map(|name| cell(Some(line), name)).collect();
            cells.insert(0, way.to_owned());
            cells.insert(2, money(line, "amount"));
            cells
        }
    };
    let sent = list(found, "sent").iter().map(line("to"));
    let received = list(found, "received").iter().map(line("from"));
    let rows: Vec<_> = sent.chain(received).collect();
    if rows.is_empty() {
        return "No money is on its way between nodes.".to_owned();
    }
    table(&rows)
}
