//! Under which terms one's questions are answered.

use std::collections::BTreeSet;

use clap::{Args, Subcommand, ValueEnum};
use imajin_consent::IntendedUse;
use imajin_did::Did;
use imajin_kernel::id::PodId;
use imajin_money::Money;
use imajin_proof::SignedMessage;
use imajin_query_api::{LeaderTerms, TermsView};
use serde::Deserialize;
use url::form_urlencoded::byte_serialize;

use super::caller::Caller;
use super::client::{IdentityClient, NodeClient};
use super::{CommandError, NodeArg, Output};

/// See [`super::Command::Leader`].
#[derive(Debug, Subcommand)]
pub(super) enum LeaderCommand {
    /// Say under which terms your questions are answered. You sign them; the node answers in your name.
    Set(Box<SetArgs>),
    /// Answer no questions any more.
    Close(Caller),
    /// Show somebody's terms.
    Show {
        #[command(flatten)]
        node: NodeArg,
        /// Whose: a DID, or a handle of the node.
        leader: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    #[command(flatten)]
    caller: Caller,
    /// What an answer costs in any case, `0.01 TEST-USD`.
    #[arg(long)]
    per_answer: Money,
    /// What a thousand tokens of an answer cost besides.
    #[arg(long)]
    per_thousand_tokens: Money,
    /// The most that one answer costs.
    #[arg(long)]
    ceiling: Money,
    /// What of it goes to the works that an answer quotes, in percent.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=90))]
    works_percent: u32,
    /// How many steps away from you an asker may be; 0 where only the members of your pods may ask.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=6))]
    max_hops: u8,
    /// How many people that you trust must vouch for an asker.
    #[arg(long, default_value_t = 0)]
    vouches: u32,
    /// A pod whose members may ask as well, however far away they are: `pod_…`, as `imajin trust pod list` has it.
    /// You must be in it; may be given several times.
    #[arg(long = "pod", value_name = "POD")]
    pods: Vec<PodId>,
    /// What may be done with an answer besides asking for it.
    #[arg(long = "use", value_enum)]
    uses: Vec<UseArg>,
    /// The engine that answers.
    #[arg(long, default_value = "embedded")]
    engine: String,
    /// Its model.
    #[arg(long)]
    model: Option<String>,
    /// The most tokens that an answer may have.
    #[arg(long, default_value_t = 400)]
    tokens: u32,
    /// How many questions one asker may ask in a day.
    #[arg(long, default_value_t = 20)]
    asker_daily: u32,
    /// How many questions are answered in a day.
    #[arg(long, default_value_t = 500)]
    daily: u32,
}

/// See [`IntendedUse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UseArg {
    Read,
    Train,
    Redistribute,
    Remix,
}

impl UseArg {
    const fn intended(self) -> IntendedUse {
        match self {
            Self::Read => IntendedUse::Read,
            Self::Train => IntendedUse::Train,
            Self::Redistribute => IntendedUse::Redistribute,
            Self::Remix => IntendedUse::Remix,
        }
    }
}

pub(super) fn local(error: impl std::fmt::Display) -> CommandError {
    CommandError::Local(error.to_string())
}

/// Somebody's terms at a node, whose signature was checked with the key that the leader's DID is, if it is one.
pub(super) async fn terms_fetch(node: &NodeClient, leader: &Did) -> Result<(TermsView, LeaderTerms), CommandError> {
    let who: String = byte_serialize(leader.as_str().as_bytes()).collect();
    let view: TermsView = node.get(&format!("/query/api/query/terms?leader={who}")).await?;
    if !view.terms.from.is_equivalent(leader) {
        return Err(local("the node shows the terms of somebody else"));
    }
    let terms = view.terms.payload_as().map_err(local)?;
    Ok((view, terms))
}

async fn submit(client: &IdentityClient, terms: &LeaderTerms) -> Result<TermsView, CommandError> {
    let (did, now) = (client.did().clone(), client.node().env().now());
    let message = SignedMessage::sign(client.key(), did, LeaderTerms::KIND, None, now, terms).map_err(local)?;
    client.send("PUT", "/query/api/query/terms", &message, None).await
}

#[derive(Deserialize)]
struct Document {
    #[serde(default, rename = "alsoKnownAs")]
    also_known_as: Vec<String>,
    id: String,
}

/// The node's DID that is its key.
pub(super) async fn node_did(node: &NodeClient) -> Result<Did, CommandError> {
    let document: Document = node.get("/.well-known/did.json").await?;
    let names = std::iter::once(document.id).chain(document.also_known_as);
    let mut dids = names.filter_map(|name| name.parse::<Did>().ok());
    let own = dids.find(|did| did.public_key().is_some());
    let own = own.ok_or_else(|| local("the node does not say what its key is"))?;
    Ok(own.canonical())
}

impl LeaderCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let view = match self {
            Self::Set(args) => args.run().await?,
            Self::Close(caller) => {
                let client = caller.node.signing(&caller.key)?;
                let (_view, mut terms) = terms_fetch(client.node(), client.did()).await?;
                terms.open = false;
                submit(&client, &terms).await?
            }
            Self::Show { node, leader } => {
                let node = node.client()?;
                let leader = node.did_of(&leader).await?;
                terms_fetch(&node, &leader).await?.0
            }
        };
        let terms: LeaderTerms = view.terms.payload_as().map_err(local)?;
        output.result(&view, |view| shown(view, &terms));
        Ok(())
    }
}

fn shown(view: &TermsView, terms: &LeaderTerms) -> String {
    if !terms.open {
        return format!("{} answers no questions.", view.leader);
    }
    let model = terms
        .model
        .as_ref()
        .map(|model| format!(" ({model})"))
        .unwrap_or_default();
    let uses: Vec<&str> = terms.uses.iter().map(|one| one.as_str()).collect();
    format!(
        "{} answers questions from {} documents, for {}.\n\
         An answer costs {} and {} for a thousand tokens, at most {}.\n\
         {}; {} questions a day each, {} in all.\n{}{model} answers.",
        view.leader,
        view.documents,
        uses.join(", "),
        terms.per_answer,
        terms.per_thousand_tokens,
        terms.ceiling,
        askers(terms),
        terms.asker_daily_max,
        terms.daily_max,
        terms.engine,
    )
}

/// Who may ask.
fn askers(terms: &LeaderTerms) -> String {
    let near = format!(
        "Askers may be {} steps away and need {} vouches",
        terms.max_hops, terms.vouches_min
    );
    let pods: Vec<String> = terms.pods.iter().map(ToString::to_string).collect();
    match (pods.is_empty(), terms.max_hops) {
        (true, _) => near,
        (false, 0) => format!("Only members of {} may ask", pods.join(" and ")),
        (false, _) => format!("{near}, or are members of {}", pods.join(" or ")),
    }
}

impl SetArgs {
    async fn run(self) -> Result<TermsView, CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let mut uses: BTreeSet<IntendedUse> = self.uses.into_iter().map(UseArg::intended).collect();
        uses.insert(IntendedUse::Query);
        let terms = LeaderTerms {
            node: node_did(client.node()).await?,
            open: true,
            max_hops: self.max_hops,
            vouches_min: self.vouches,
            pods: self.pods.into_iter().collect(),
            uses,
            engine: self.engine,
            model: self.model,
            per_answer: self.per_answer,
            per_thousand_tokens: self.per_thousand_tokens,
            ceiling: self.ceiling,
            works_share_millionths: self.works_percent.saturating_mul(10_000),
            tokens_max: self.tokens,
            asker_daily_max: self.asker_daily,
            daily_max: self.daily,
        };
        terms.check().map_err(local)?;
        submit(&client, &terms).await
    }
}
