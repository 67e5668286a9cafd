use clap::Args;
use imajin_pay_api::BalanceView;
use serde::{Deserialize, Serialize};

use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

/// Show your balances.
#[derive(Debug, Args)]
pub(super) struct BalanceArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
}

#[derive(Serialize, Deserialize)]
struct Balances {
    balances: Vec<BalanceView>,
}

impl BalanceArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let session = client.login().await?;
        let balances: Balances = client.get_own(&session, "/pay/api/balance").await?;
        output.result(&balances, |balances| {
            if balances.balances.is_empty() {
                return "No balances at this node.".to_owned();
            }
            let row = |line: &BalanceView| vec![line.balance.to_string(), line.purpose.clone()];
            table(&balances.balances.iter().map(row).collect::<Vec<_>>())
        });
        Ok(())
    }
}
