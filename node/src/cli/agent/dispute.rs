use clap::Args;
use imajin_broker_api::DisputeView;
use imajin_kernel::{Code, Problem};
use serde_json::{Number, json};

use super::super::broker_dispute::text;
use super::super::{CommandError, Output};
use super::HomeArg;

#[derive(Debug, Args)]
pub(in super::super) struct DisputeArgs {
    #[command(flatten)]
    home: HomeArg,
    /// The page that was paid for, its receipt, or the name of the purchase. Without --score it is shown how the
    /// dispute about it stands.
    page: String,
    /// What it was worth, from 0 to 1. Above 0.5 the publisher is paid at once; otherwise the money stays where it is
    /// until it is decided.
    #[arg(long, value_parser = score_parse, requires = "reason")]
    score: Option<Number>,
    /// Why; the publisher and the arbiter read it.
    #[arg(long, value_name = "TEXT", requires = "score")]
    reason: Option<String>,
    /// Say it to the site, which passes it on, and not to the broker.
    #[arg(long, requires = "score")]
    at_site: bool,
}

fn score_parse(text: &str) -> Result<Number, String> {
    let number: Option<Number> = serde_json::from_str(text).ok();
    let in_bounds = |number: &Number| number.as_f64().is_some_and(|score| (0.0..=1.0).contains(&score));
    number
        .filter(in_bounds)
        .ok_or_else(|| "a score is a number from 0 to 1".to_owned())
}

impl DisputeArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let agent = self.home.agent()?;
        let purchase = agent.journal().paid_find(&self.page).cloned();
        let purchase = purchase.ok_or_else(|| {
            let detail = format!("Nothing was paid for {}.", self.page);
            Problem::new(Code::NotFound, detail).hint("`imajin agent spend` lists what was paid.")
        })?;
        let said = match (self.score, self.reason) {
            (Some(score), Some(reason)) if self.at_site => {
                agent.dispute_at_site(&purchase, &score, &reason).await?;
                let heard = json!({"url": purchase.url, "heard": "taken"});
                output.result(&heard, |_| {
                    let publisher = &purchase.publisher;
                    format!("{publisher} has taken it, and tells {}.", purchase.broker)
                });
                return Ok(());
            }
            (Some(score), Some(reason)) => agent.dispute(purchase, &score, &reason).await?,
            _ => agent.dispute_find(&purchase).await?,
        };
        let dispute: DisputeView = serde_json::from_value(said)
            .map_err(|error| CommandError::Local(format!("the broker's answer could not be understood: {error}")))?;
        output.result(&dispute, text);
        Ok(())
    }
}
