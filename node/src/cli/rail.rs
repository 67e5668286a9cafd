use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

/// The ways to pay at a node.
#[derive(Debug, Subcommand)]
pub(super) enum RailCommand {
    /// Show which rails are on, for test money or real money, and whether they work.
    List(RailListArgs),
}

#[derive(Debug, Args)]
pub(super) struct RailListArgs {
    #[command(flatten)]
    node: NodeArg,
    /// The operator's key file: each rail is then asked now, and what is wrong is shown.
    #[arg(long, env = "IMAJIN_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Rails {
    rails: Vec<RailLine>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RailLine {
    name: String,
    built: bool,
    open: bool,
    test: Option<bool>,
    pays_out: bool,
    works: Option<bool>,
    asked_at: Option<String>,
    problem: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tokens: Vec<TokenLine>,
}

#[derive(Serialize, Deserialize)]
struct TokenLine {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
}

impl RailLine {
    fn row(&self) -> Vec<String> {
        let money = match self.test {
            Some(true) => "test money",
            Some(false) => "real money",
            None if self.built => "not set up",
            None => "not built in",
        };
        let works = match (self.works, &self.problem) {
            (_, Some(problem)) => problem.as_str(),
            (Some(true), None) => "works",
            (Some(false), None) => "does not work",
            (None, None) => "",
        };
        let open = if self.open { "on" } else { "off" };
        vec![self.name.clone(), open.to_owned(), money.to_owned(), works.to_owned()]
    }

    /// What does not fit into the line: where the node is paid, in what, and what is still to be done.
    fn details(&self) -> Vec<String> {
        let address = self.address.iter().map(|address| format!("paid at {address}"));
        let tokens = self.tokens.iter().map(|token| {
            let mint = token.mint.as_deref().unwrap_or("the chain's own coin");
            match &token.currency {
                Some(currency) => format!("takes {currency}: {mint}"),
                None => format!("knows {}, and settles nothing in it: {mint}", token.name),
            }
        });
        let missing = self.missing.iter().map(|missing| format!("to do: {missing}"));
        let all = address.chain(tokens).chain(missing);
        all.map(|detail| format!("  {}: {detail}", self.name)).collect()
    }
}

impl RailCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let Self::List(args) = self;
        let path = "/pay/api/rails";
        let rails: Rails = match args.key {
            Some(key) => {
                let client = args.node.signing(&KeyArg { key })?;
                let session = client.login().await?;
                client.get_own(&session, path).await?
            }
            None => args.node.client()?.get(path).await?,
        };
        output.result(&rails, |rails| {
            let lines = table(&rails.rails.iter().map(RailLine::row).collect::<Vec<_>>());
            let details = rails.rails.iter().flat_map(RailLine::details);
            [lines.trim_end().to_owned()]
                .into_iter()
                .chain(details)
                .collect::<Vec<_>>()
                .join("\n")
        });
        Ok(())
    }
}
