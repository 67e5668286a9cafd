use clap::{Args, Subcommand};
use imajin_fair::plan::{FeeRecipient, FeeRule, FeeSchedule};
use imajin_kernel::Timestamp;
use imajin_money::Share;
use serde_json::{Number, Value, json};

use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

/// The fees of a node.
#[derive(Debug, Subcommand)]
pub(super) enum FeesCommand {
    /// Show the fees in force, those announced, and those before.
    Show {
        #[command(flatten)]
        node: NodeArg,
    },
    /// Announce other fees, as the operator. Higher ones need 24 hours' notice.
    Set(SetArgs),
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// `none` or `mjn`.
    #[arg(long, required_unless_present = "lines", conflicts_with = "lines")]
    preset: Option<String>,
    /// A fee: NAME=RECIPIENT=PERCENT, where the recipient is protocol, node or buyer. Repeat it for more.
    #[arg(long = "fee", value_name = "NAME=RECIPIENT=PERCENT")]
    lines: Vec<String>,
    /// From when on, RFC 3339; as soon as possible, if not said.
    #[arg(long)]
    effective_at: Option<Timestamp>,
}

impl FeesCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Show { node } => {
                let fees: Value = node.client()?.get("/pay/api/fees").await?;
                output.result(&fees, text);
            }
            Self::Set(args) => {
                let client = args.node.signing(&args.key)?;
                let mut body = json!({"lines": args.lines()?});
                if let (Some(from), Value::Object(members)) = (args.effective_at, &mut body) {
                    members.insert("effectiveAt".to_owned(), json!(from));
                }
                let announced: Value = client.send("POST", "/pay/api/fees", &body, None).await?;
                output.result(&announced, |announced| schedule_text("announced", announced));
            }
        }
        Ok(())
    }
}

impl SetArgs {
    fn lines(&self) -> Result<Vec<FeeRule>, CommandError> {
        match self.preset.as_deref() {
            Some("none") => Ok(Vec::new()),
            Some("mjn") => Ok(FeeSchedule::mjn().lines),
            Some(other) => Err(CommandError::Local(format!(
                "there is no fee preset `{other}`; the presets are none, mjn"
            ))),
            None => self.lines.iter().map(|text| line(text)).collect(),
        }
    }
}

fn line(text: &str) -> Result<FeeRule, CommandError> {
    let wrong = || {
        CommandError::Local(format!(
            "{text}: write NAME=RECIPIENT=PERCENT, for example node=node=0.5"
        ))
    };
    let (rest, percentage) = text.rsplit_once('=').ok_or_else(wrong)?;
    let (name, recipient) = rest.rsplit_once('=').ok_or_else(wrong)?;
    let recipient = match recipient {
        "protocol" => FeeRecipient::Protocol,
        "node" => FeeRecipient::Node,
        "buyer" => FeeRecipient::Buyer,
        _ => return Err(wrong()),
    };
    let percentage: Number = percentage.parse().map_err(|_error| wrong())?;
    let share = Share::from_percentage(&percentage).map_err(|_error| wrong())?;
    Ok(FeeRule {
        name: name.to_owned(),
        recipient,
        rate_micros: share.millionths(),
    })
}

fn text(fees: &Value) -> String {
    let mut parts = vec![schedule_text("in force", fees)];
    for (member, state) in [("coming", "announced"), ("past", "past")] {
        let others = fees.get(member).and_then(Value::as_array).cloned().unwrap_or_default();
        parts.extend(others.iter().map(|schedule| schedule_text(state, schedule)));
    }
    parts.join("\n")
}

fn schedule_text(state: &str, schedule: &Value) -> String {
    let version = schedule.get("version").and_then(Value::as_u64).unwrap_or_default();
    let from = schedule.get("effectiveAt").and_then(Value::as_str);
    let from = from.map(|from| format!(", from {from}")).unwrap_or_default();
    let lines = schedule
        .get("lines")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let head = format!("Version {version}, {state}{from}:");
    if lines.is_empty() {
        return format!("{head} no fees");
    }
    let row = |line: &Value| {
        let cell = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let rate = line
            .get("rateMicros")
            .and_then(Value::as_u64)
            .and_then(|rate| u32::try_from(rate).ok());
        let rate = rate.and_then(|rate| Share::from_millionths(rate).ok());
        let percent = rate
            .map(|rate| format!("{} %", rate.to_percentage()))
            .unwrap_or_default();
        vec![String::new(), cell("name"), cell("recipient"), percent]
    };
    format!("{head}\n{}", table(&lines.iter().map(row).collect::<Vec<_>>()))
}
