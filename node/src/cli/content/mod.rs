//! Works that are read at a node for money or for free.

mod add;
mod get;

pub(super) use add::{digest_of, send};

use clap::Subcommand;
use imajin_kernel::id::ContentId;
use imajin_publisher_api::{ContentSales, ContentView};
use serde_json::Value;

use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

/// Works.
#[derive(Debug, Subcommand)]
pub(super) enum ContentCommand {
    /// Publish an article or a file, with its signed manifest; made and signed here, if it has none.
    Add(add::AddArgs),
    /// List your works with what they have sold.
    List {
        #[command(flatten)]
        node: NodeArg,
        #[command(flatten)]
        key: KeyArg,
    },
    /// Show a work: what it is, what it costs, how that is split.
    Show {
        /// The work, `cnt_…`.
        work: ContentId,
        #[command(flatten)]
        node: NodeArg,
    },
    /// Withdraw a work for good: nobody new can have it, and who has paid keeps it.
    Withdraw {
        /// The work, `cnt_…`.
        work: ContentId,
        #[command(flatten)]
        node: NodeArg,
        #[command(flatten)]
        key: KeyArg,
    },
    /// Read a work, and pay for it from your balance if you say so.
    Get(get::GetArgs),
}

impl ContentCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Add(args) => args.run(output).await,
            Self::Get(args) => args.run(output).await,
            Self::List { node, key } => {
                let client = node.signing(&key)?;
                let session = client.login().await?;
                let works: Vec<ContentSales> = client.get_own(&session, "/publisher/api/sales").await?;
                output.result(&works, |works| list_text(works));
                Ok(())
            }
            Self::Show { work, node } => {
                let view: ContentView = node.client()?.get(&format!("/publisher/api/content/{work}")).await?;
                output.result(&view, view_text);
                Ok(())
            }
            Self::Withdraw { work, node, key } => {
                let client = node.signing(&key)?;
                let path = format!("/publisher/api/content/{work}/withdraw");
                let view: ContentView = client.send("POST", &path, &Value::Null, None).await?;
                output.result(&view, |view| {
                    format!("{} is withdrawn: {}", view.card.id, view.card.title)
                });
                Ok(())
            }
        }
    }
}

fn list_text(works: &[ContentSales]) -> String {
    if works.is_empty() {
        return "You have no works at this node.".to_owned();
    }
    let row = |work: &ContentSales| {
        let sums: Vec<String> = work.gross.iter().map(ToString::to_string).collect();
        vec![
            work.card.id.to_string(),
            work.state.as_str().to_owned(),
            price_text(work.card.price),
            format!("{} readers", work.readers),
            sums.join(" + "),
            work.card.title.clone(),
        ]
    };
    table(&works.iter().map(row).collect::<Vec<_>>())
}

fn price_text(price: Option<imajin_money::Money>) -> String {
    price.map_or_else(|| "free".to_owned(), |price| price.to_string())
}

fn view_text(view: &ContentView) -> String {
    let card = &view.card;
    let splits = view.splits.iter().fold(String::new(), |text, split| {
        text + &format!("\n  {} {} {}", split.share, split.role, split.payee)
    });
    format!(
        "{} — {}\n{}\n{} bytes of {}, version {}, {}\nprice {}\nmanifest {}{splits}",
        card.id,
        card.title,
        card.url,
        card.size,
        card.media_type,
        view.version,
        view.state.as_str(),
        price_text(card.price),
        card.manifest,
    )
}
