use clap::{Args, Subcommand};
use imajin_did::Did;
use imajin_events_api::{EventPage, EventView};
use imajin_fair::{Contributor, Manifest, Payee};
use imajin_kernel::Timestamp;
use imajin_kernel::id::EventId;
use imajin_money::{Money, Share};
use serde_json::{Value, json};

use super::client::IdentityClient;
use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

/// Events of a node.
#[derive(Debug, Subcommand)]
pub(super) enum EventCommand {
    /// Make an event. It is a draft until it is published.
    Create(Box<CreateArgs>),
    /// Put an event on sale.
    Publish {
        #[command(flatten)]
        node: NodeArg,
        #[command(flatten)]
        key: KeyArg,
        /// The event.
        #[arg(long)]
        event: EventId,
    },
    /// List what is on sale.
    List {
        #[command(flatten)]
        node: NodeArg,
    },
}

/// Make an event.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The title.
    #[arg(long)]
    title: String,
    /// What it is about.
    #[arg(long, default_value = "")]
    description: String,
    /// When it begins, RFC 3339: 2027-01-30T19:00:00Z.
    #[arg(long)]
    starts: Timestamp,
    /// When it ends, RFC 3339.
    #[arg(long)]
    ends: Timestamp,
    /// The IANA time zone in which its times are shown.
    #[arg(long, default_value = "UTC")]
    timezone: String,
    /// Where it is.
    #[arg(long)]
    venue: Option<String>,
    /// A kind of ticket: NAME=PRICE:PLACES, for example `Standard=10.00:200`, or without `:PLACES` for no limit. Repeat
    /// it for more kinds.
    #[arg(long = "tier", value_name = "NAME=PRICE[:PLACES]", required = true)]
    tiers: Vec<String>,
    /// The currency of all prices.
    #[arg(long, default_value = "TEST-USD")]
    currency: String,
    /// Who gets what: DID=SHARE[:ROLE], for example `did:mjn:z6Mk…=0.7:artist`. The shares sum to 1. Without any, all
    /// of it is yours.
    #[arg(long = "split", value_name = "DID=SHARE[:ROLE]")]
    splits: Vec<String>,
    /// Publish it at once.
    #[arg(long)]
    publish: bool,
}

impl EventCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Create(args) => args.run(output).await,
            Self::Publish { node, key, event } => {
                let client = node.signing(&key)?;
                let event = publish(&client, event).await?;
                output.result(&event, |event| format!("Published {} ({}).", event.id, event.title));
                Ok(())
            }
            Self::List { node } => {
                let page: EventPage = node.client()?.get("/events/api/events?limit=100").await?;
                output.result(&page, list_text);
                Ok(())
            }
        }
    }
}

async fn publish(client: &IdentityClient, event: EventId) -> Result<EventView, CommandError> {
    client
        .send("POST", &format!("/events/api/events/{event}/publish"), &json!({}), None)
        .await
}

impl CreateArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let manifest = self.manifest(&client)?;
        let tiers = self
            .tiers
            .iter()
            .map(|text| tier(text, &self.currency))
            .collect::<Result<Vec<_>, _>>()?;
        let body = json!({
            "title": self.title, "description": self.description, "startsAt": self.starts, "endsAt": self.ends,
            "timezone": self.timezone, "venue": self.venue, "tags": [], "tiers": tiers, "manifest": manifest,
        });
        let mut event: EventView = client.send("POST", "/events/api/events", &body, None).await?;
        if self.publish {
            event = publish(&client, event.id).await?;
        }
        output.result(&event, |event| {
            let next = if self.publish {
                "It is on sale."
            } else {
                "Publish it with `imajin event publish`."
            };
            let tiers = event
                .tiers
                .iter()
                .map(|tier| format!("\n  {} {} {}", tier.id, tier.name, tier.price));
            format!(
                "Made {} ({}). {next}{}",
                event.id,
                event.title,
                tiers.collect::<String>()
            )
        });
        Ok(())
    }

    fn manifest(&self, client: &IdentityClient) -> Result<Manifest, CommandError> {
        let contributors = if self.splits.is_empty() {
            vec![Contributor::new(Payee::Did(client.did().clone()), "seller", Share::ONE)]
        } else {
            self.splits
                .iter()
                .map(|text| contributor(text))
                .collect::<Result<Vec<_>, _>>()?
        };
        let local = |error: &dyn std::fmt::Display| CommandError::Local(format!("--split: {error}"));
        let now = client.node().env().now();
        let mut manifest = Manifest::new(contributors).map_err(|error| local(&error))?;
        manifest.title = Some(self.title.clone());
        manifest.kind = Some("event".to_owned());
        manifest.created = Some(now.to_string());
        manifest.author = Some(client.did().clone());
        manifest
            .sign(client.key(), client.did().clone(), now)
            .map_err(|error| local(&error))
    }
}

fn contributor(text: &str) -> Result<Contributor, CommandError> {
    let wrong = |why: &str| CommandError::Local(format!("--split {text}: {why}; write it as DID=SHARE[:ROLE]"));
    let (did, rest) = text.rsplit_once('=').ok_or_else(|| wrong("there is no ="))?;
    let (share, role) = rest.split_once(':').unwrap_or((rest, "artist"));
    let did: Did = did.parse().map_err(|error| wrong(&format!("{error}")))?;
    let share: Share = share.parse().map_err(|error| wrong(&format!("{error}")))?;
    Ok(Contributor::new(Payee::Did(did.canonical()), role, share))
}

fn tier(text: &str, currency: &str) -> Result<Value, CommandError> {
    let wrong = |why: &str| CommandError::Local(format!("--tier {text}: {why}; write it as NAME=PRICE[:PLACES]"));
    let (name, rest) = text.rsplit_once('=').ok_or_else(|| wrong("there is no ="))?;
    let (price, places) = match rest.split_once(':') {
        Some((price, places)) => (price, Some(places)),
        None => (rest, None),
    };
    let price: Money = format!("{price} {currency}")
        .parse()
        .map_err(|error| wrong(&format!("{error}")))?;
    let quantity = match places {
        Some(places) => Some(places.parse::<u32>().map_err(|error| wrong(&error.to_string()))?),
        None => None,
    };
    Ok(json!({"name": name, "description": "", "price": price, "quantity": quantity, "perks": []}))
}

fn list_text(page: &EventPage) -> String {
    if page.events.is_empty() {
        return "Nothing is on sale.".to_owned();
    }
    let mut rows = vec![
        ["EVENT", "STARTS", "TITLE", "TIER", "PRICE", "LEFT"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for event in &page.events {
        for tier in &event.tiers {
            let left = tier
                .available
                .map_or_else(|| "unlimited".to_owned(), |left| left.to_string());
            rows.push(vec![
                event.id.to_string(),
                event.starts_at.to_string(),
                event.title.clone(),
                tier.name.clone(),
                tier.price.to_string(),
                left,
            ]);
        }
    }
    table(&rows)
}
