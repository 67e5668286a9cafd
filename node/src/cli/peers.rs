use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

const HOME: &str = "/pay/api/connect/home";
const RULES: &str = "/auth/api/peers";

/// Other nodes: which of them this node talks to, what is owed between them, and where one's own money is to arrive.
#[derive(Debug, Subcommand)]
pub(super) enum PeersCommand {
    /// Which nodes this one talks to, and what is owed by and to them; for the operator.
    List(WhoArgs),
    /// Talk to a node, as the operator: a DID, `node.example`, or `*.node.example` for all beneath it.
    Allow(RuleArgs),
    /// Do not talk to a node any more, as the operator. A block wins over whatever else is said.
    Block(RuleArgs),
    /// Take back what was said about a node, as the operator.
    Forget {
        #[command(flatten)]
        who: WhoArgs,
        /// The name that was allowed or blocked.
        name: String,
    },
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

#[derive(Debug, Args)]
pub(super) struct RuleArgs {
    #[command(flatten)]
    who: WhoArgs,
    /// The node.
    name: String,
    /// Why; whoever is refused reads it.
    #[arg(long)]
    reason: Option<String>,
}

impl RuleArgs {
    async fn say(self, verdict: &str, output: Output) -> Result<(), CommandError> {
        let client = self.who.node.signing(&self.who.key)?;
        let mut body = json!({"name": self.name, "verdict": verdict});
        if let (Some(reason), Some(members)) = (self.reason, body.as_object_mut()) {
            members.insert("reason".to_owned(), json!(reason));
        }
        let said: Value = client.send("POST", RULES, &body, None).await?;
        output.result(&said, |said| {
            let (name, is_blocked) = (cell(Some(said), "name"), cell(Some(said), "verdict") == "block");
            let does = if is_blocked { "does not talk" } else { "talks" };
            format!("This node {does} to {name}.")
        });
        Ok(())
    }
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
                let client = who.node.signing(&who.key)?;
                let session = client.login().await?;
                let mut found: Value = client.get_own(&session, "/pay/api/peers").await?;
                let rules: Value = client.get_own(&session, RULES).await?;
                if let Some(members) = found.as_object_mut() {
                    members.insert("nodes".to_owned(), rules);
                }
                output.result(&found, |found| format!("{}\n{}", rules_text(found), peers_text(found)));
            }
            Self::Allow(rule) => rule.say("allow", output).await?,
            Self::Block(rule) => rule.say("block", output).await?,
            Self::Forget { who, name } => {
                let client = who.node.signing(&who.key)?;
                let path = format!("{RULES}/forget");
                let forgotten: Value = client.send("POST", &path, &json!({"name": name}), None).await?;
                output.result(&forgotten, |_| format!("Nothing is said about {name} any more."));
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

fn rules_text(found: &Value) -> String {
    let nodes = found.get("nodes").unwrap_or(&Value::Null);
    let only_listed = nodes.get("onlyListed").and_then(Value::as_bool).unwrap_or_default();
    let lead = if only_listed {
        "This node talks only to nodes that are allowed."
    } else {
        "This node talks to every node that is not blocked."
    };
    let row = |rule: &Value| {
        ["verdict", "name", "reason"]
            .map(|name| cell(Some(rule), name))
            .to_vec()
    };
    let rules = list(nodes, "configured").iter().chain(list(nodes, "rules"));
    let rows: Vec<Vec<String>> = rules.map(row).collect();
    format!("{lead}\n{}", table(&rows))
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
