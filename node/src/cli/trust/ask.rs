use clap::Args;
use imajin_connections_api::{CheckAnswer, PathAnswer, WhyNotView};
use imajin_did::Did;
use serde_json::Value;
use url::form_urlencoded;

use super::API;
use crate::cli::caller::Caller;
use crate::cli::output::table;
use crate::cli::{CommandError, Output};

#[derive(Debug, Args)]
pub(in crate::cli) struct AskArgs {
    #[command(flatten)]
    caller: Caller,
    /// A handle or DID.
    who: String,
    /// Within how many steps, 1 to 6.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=6))]
    hops: u8,
    /// The least that a vouch must be worth to be a step, in millionths; 0 when none is.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    vouch_least: u32,
    /// To have been at the same event is a step as well.
    #[arg(long)]
    co_presence: bool,
    /// The token of an earlier answer: this one must have seen as much.
    #[arg(long)]
    token: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct NearArgs {
    #[command(flatten)]
    caller: Caller,
    /// Within how many steps, 1 to 3; a rank goes as far as it goes.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=3))]
    hops: u8,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
}

impl AskArgs {
    async fn ask<T: serde::de::DeserializeOwned>(&self, question: &str) -> Result<(T, Did), CommandError> {
        let (client, session) = self.caller.client().await?;
        let to = client.node().did_of(&self.who).await?;
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("to", to.as_str())
            .append_pair("hops", &self.hops.to_string())
            .append_pair("vouchLeast", &self.vouch_least.to_string())
            .append_pair("coPresence", &self.co_presence.to_string());
        if let Some(token) = &self.token {
            query.append_pair("token", token);
        }
        let path = format!("{API}/trust/{question}?{}", query.finish());
        Ok((client.get_own(&session, &path).await?, to))
    }

    /// `imajin trust check`: ends with 1 when they are not within reach.
    pub(super) async fn check(self, output: Output) -> Result<(), CommandError> {
        let (answer, to): (CheckAnswer, _) = self.ask("check").await?;
        output.result(&answer, |answer| match answer.hops {
            Some(1) => format!("{to} is 1 step away."),
            Some(hops) => format!("{to} is {hops} steps away."),
            None => format!("{to} is not within {} steps.", self.hops),
        });
        answer.hops.map(drop).ok_or(CommandError::Negative)
    }

    /// `imajin trust path`: ends with 1 when there is none.
    pub(super) async fn path(self, output: Output) -> Result<(), CommandError> {
        let (answer, _to): (PathAnswer, _) = self.ask("path").await?;
        output.result(&answer, path_text);
        answer.hops.map(drop).ok_or(CommandError::Negative)
    }

    /// `imajin trust why`.
    pub(super) async fn why(self, output: Output) -> Result<(), CommandError> {
        let (answer, _to): (PathAnswer, _) = self.ask("path").await?;
        output.result(&answer, |answer| {
            let mut lines = vec![path_text(answer)];
            lines.extend(answer.mutual.iter().map(|did| format!("You both know {did}.")));
            lines.join("\n")
        });
        Ok(())
    }
}

fn path_text(answer: &PathAnswer) -> String {
    match (&answer.steps, answer.hops) {
        (Some(steps), _) if steps.is_empty() => "That is you.".to_owned(),
        (Some(steps), _) => {
            let rows: Vec<Vec<String>> = steps
                .iter()
                .map(|step| {
                    let (from, to) = (step.from.to_string(), step.to.to_string());
                    vec![from, step.kind.as_str().to_owned(), to]
                })
                .collect();
            format!(
                "{}\nWith --json come the signed documents: `imajin trust verify` checks them.",
                table(&rows)
            )
        }
        (None, Some(hops)) => format!("{hops} steps; somebody on the way does not show their ties to you."),
        (None, None) => why_not_text(answer.why_not.as_ref()),
    }
}

fn why_not_text(why: Option<&WhyNotView>) -> String {
    match why {
        Some(WhyNotView::Unknown { did }) => format!("There is no tie of {did} here."),
        Some(WhyNotView::Flagged) => "You have flagged them red.".to_owned(),
        Some(WhyNotView::Far { hops }) => format!("They are further away: {hops} steps."),
        Some(WhyNotView::Lapsed) => "Something on the way has ended.".to_owned(),
        Some(WhyNotView::Weak) => "A vouch on the way is worth too little.".to_owned(),
        Some(WhyNotView::Apart) | None => "There is no way that you may see.".to_owned(),
    }
}

impl NearArgs {
    async fn list(&self, question: &str) -> Result<Value, CommandError> {
        let (client, session) = self.caller.client().await?;
        let path = format!("{API}/trust/{question}?hops={}&limit={}", self.hops, self.limit);
        client.get_own(&session, &path).await
    }

    pub(super) async fn near(self, output: Output) -> Result<(), CommandError> {
        let answer = self.list("within").await?;
        output.result(&answer, |answer| people_text(answer, &["hops"]));
        Ok(())
    }

    pub(super) async fn rank(self, output: Output) -> Result<(), CommandError> {
        let answer = self.list("rank").await?;
        output.result(&answer, |answer| people_text(answer, &["trust", "distrust"]));
        Ok(())
    }
}

fn people_text(answer: &Value, columns: &[&str]) -> String {
    let people = answer
        .get("people")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if people.is_empty() {
        return "Nobody.".to_owned();
    }
    let rows: Vec<Vec<String>> = people
        .iter()
        .map(|row| {
            let did = row.get("did").and_then(Value::as_str).unwrap_or_default().to_owned();
            let numbers = columns
                .iter()
                .map(|name| row.get(*name).map(Value::to_string).unwrap_or_default());
            std::iter::once(did).chain(numbers).collect()
        })
        .collect();
    table(&rows)
}
