use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use imajin_broker_api::{DisputeAnswer, DisputeDecision, DisputeOutcome, DisputeView};
use imajin_kernel::id::DisputeId;

use super::{CommandError, DataArg, KeyArg, NodeArg, Output};

/// Disputes between agents and publishers.
#[derive(Debug, Subcommand)]
pub(super) enum DisputeCommand {
    /// Show a dispute: what the agent says, what the publisher has answered, how it stands.
    Show(ShowArgs),
    /// Answer a dispute, as the node that is to be paid: with the claim of the agent, some words, or by giving in.
    Answer(AnswerArgs),
    /// Decide a dispute, as the arbiter.
    Decide(DecideArgs),
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The dispute, `dsp_…`.
    id: DisputeId,
}

#[derive(Debug, Args)]
pub(super) struct AnswerArgs {
    /// The broker's node.
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    data: DataArg,
    /// The dispute, `dsp_…`.
    id: DisputeId,
    /// The file with the evidence: JSON with the headers of the agent's claim, and what was answered.
    #[arg(long, value_name = "FILE", conflicts_with = "concede")]
    evidence: Option<PathBuf>,
    /// Words for the arbiter.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Give in: the agent has its money back.
    #[arg(long)]
    concede: bool,
}

#[derive(Debug, Args)]
pub(super) struct DecideArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The dispute, `dsp_…`.
    id: DisputeId,
    /// Who is right.
    #[arg(value_enum)]
    outcome: Side,
    /// Why; both sides read it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Who is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Side {
    /// The agent has its money back.
    Agent,
    /// The publisher is paid.
    Publisher,
}

impl DisputeCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let dispute = match self {
            Self::Show(args) => args.run().await?,
            Self::Answer(args) => args.run().await?,
            Self::Decide(args) => args.run().await?,
        };
        output.result(&dispute, text);
        Ok(())
    }
}

impl ShowArgs {
    async fn run(self) -> Result<DisputeView, CommandError> {
        let client = self.node.signing(&self.key)?;
        let session = client.login().await?;
        client
            .get_own(&session, &format!("/broker/api/disputes/{}", self.id))
            .await
    }
}

impl AnswerArgs {
    async fn run(self) -> Result<DisputeView, CommandError> {
        let evidence = match &self.evidence {
            Some(path) => {
                let local = |error: String| CommandError::Local(format!("{} shows nothing: {error}", path.display()));
                let text = std::fs::read(path).map_err(|error| local(error.to_string()))?;
                Some(serde_json::from_slice(&text).map_err(|error| local(error.to_string()))?)
            }
            None => None,
        };
        let answer = DisputeAnswer {
            concede: self.concede,
            evidence,
            note: self.note,
        };
        let client = self.node.signing_as_node(&self.data)?;
        let path = format!("/broker/api/disputes/{}/answer", self.id);
        client.send("POST", &path, &answer, None).await
    }
}

impl DecideArgs {
    async fn run(self) -> Result<DisputeView, CommandError> {
        let decision = DisputeDecision {
            outcome: match self.outcome {
                Side::Agent => DisputeOutcome::Agent,
                Side::Publisher => DisputeOutcome::Publisher,
            },
            reason: self.reason,
        };
        let client = self.node.signing(&self.key)?;
        let path = format!("/broker/api/disputes/{}/decide", self.id);
        client.send("POST", &path, &decision, None).await
    }
}

/// How a state, or whoever has ended it, is called on the wire.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// A dispute in some lines.
pub(super) fn text(dispute: &DisputeView) -> String {
    let mut lines = vec![
        format!("{}: {} for {}", dispute.id, dispute.amount, dispute.url),
        format!("{} says {}: {}", dispute.agent, dispute.quality_score, dispute.reason),
    ];
    if let Some(answer) = &dispute.answer {
        let shown = if dispute.is_shown { " and shows the claim" } else { "" };
        let note = answer.note.as_deref().unwrap_or("no words");
        lines.push(format!("{} answers{shown}: {note}", dispute.node));
        let other = dispute.claimed_resource.as_ref();
        lines.extend(other.map(|other| format!("The claim asks for {other}, not for the page that the agent names.")));
    }
    lines.push(match (&dispute.ruling, dispute.ruled_by, dispute.due_at) {
        (Some(why), Some(by), _) => format!("{}, by the {}: {why}", word(&dispute.state), word(&by)),
        (_, _, Some(due)) => format!("{}, until {due}", word(&dispute.state)),
        _ => word(&dispute.state),
    });
    lines.join("\n")
}
