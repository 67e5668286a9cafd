use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use imajin_kernel::Problem;
use imajin_kernel::id::ContentId;
use imajin_money::Money;
use imajin_publisher_api::{ContentView, ReaderAccess};
use serde::Serialize;
use serde_json::json;
use url::Url;

use crate::cli::spend::{Paid, quote_settle};
use crate::cli::{CommandError, KeyArg, NodeArg, Output};

/// Read a work.
#[derive(Debug, Args)]
pub(in crate::cli) struct GetArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The work: `cnt_…`, or the address of its page or its bytes, which says the node too.
    #[arg(value_name = "ID|URL")]
    work: String,
    /// Pay for it from your balance, if it has to be paid.
    #[arg(long)]
    pay: bool,
    /// The most that it may cost, `0.50 USD`.
    #[arg(long, value_name = "AMOUNT", requires = "pay")]
    max: Option<Money>,
    /// Where to write it; its own name, in this folder, if not given. `-` is standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Got {
    work: ContentId,
    title: String,
    bytes: u64,
    file: Option<PathBuf>,
    paid: Option<Paid>,
}

impl GetArgs {
    pub(super) async fn run(mut self, output: Output) -> Result<(), CommandError> {
        let id = self.work_of()?;
        let client = self.node.signing(&self.key)?;
        let session = client.login().await?;
        let view: ContentView = client
            .get_own(&session, &format!("/publisher/api/content/{id}"))
            .await?;
        let paid = match view.access {
            ReaderAccess::Unpaid => {
                self.price_check(&view)?;
                let body = json!({"goods": {"type": "content", "id": id}});
                Some(quote_settle(&client, &body, self.max.or(view.card.price)).await?)
            }
            _ => None,
        };
        let path = format!("/publisher/content/{id}");
        let own_name = PathBuf::from(&view.file_name);
        let file = match &self.out {
            Some(path) if path.as_os_str() == "-" => None,
            Some(path) => Some(path.clone()),
            None => Some(own_name),
        };
        let Some(target) = &file else {
            let mut sink = std::io::stdout();
            let bytes = client.download_own(&session, &path, &mut sink).await?;
            sink.flush().map_err(|error| CommandError::Local(error.to_string()))?;
            return self.said(&view, bytes);
        };
        let unwritable = |error: std::io::Error| CommandError::Local(format!("{}: {error}", target.display()));
        let mut sink = std::fs::File::create_new(target).map_err(unwritable)?;
        let bytes = client.download_own(&session, &path, &mut sink).await?;
        sink.sync_all().map_err(unwritable)?;
        let got = Got {
            work: id,
            title: view.card.title,
            bytes,
            file,
            paid,
        };
        output.result(&got, |got| {
            let paid = got
                .paid
                .as_ref()
                .map(|paid| format!("Paid {}: {}.\n", paid.price, paid.receipt));
            let file = got
                .file
                .as_ref()
                .map(|file| file.display().to_string())
                .unwrap_or_default();
            format!(
                "{}{} bytes of “{}” are in {file}",
                paid.unwrap_or_default(),
                got.bytes,
                got.title
            )
        });
        Ok(())
    }

    /// On standard output there is the work and nothing else.
    fn said(&self, view: &ContentView, bytes: u64) -> Result<(), CommandError> {
        if bytes == view.card.size {
            return Ok(());
        }
        Err(CommandError::Local(format!("only {bytes} bytes of {} came", self.work)))
    }

    fn price_check(&self, view: &ContentView) -> Result<(), CommandError> {
        let Some(price) = view.card.price else { return Ok(()) };
        if !self.pay {
            return Err(CommandError::Local(format!(
                "reading “{}” costs {price}: say --pay --max \"{price}\" to pay it from your balance, or open {}",
                view.card.title, view.card.url
            )));
        }
        match self.max {
            Some(max) if max.asset == price.asset && price.amount <= max.amount => Ok(()),
            Some(max) => Err(CommandError::Local(format!("it costs {price}, and --max is {max}"))),
            None => Err(CommandError::Local(format!(
                "it costs {price}: say --max \"{price}\" if that is right"
            ))),
        }
    }

    /// The work; an address says its node as well.
    fn work_of(&mut self) -> Result<ContentId, CommandError> {
        let unusable = || CommandError::Problem(Problem::invalid(format!("`{}` names no work.", self.work)));
        if let Ok(id) = self.work.parse() {
            return Ok(id);
        }
        let url: Url = self.work.parse().map_err(|_error| unusable())?;
        let last = url.path_segments().and_then(Iterator::last).unwrap_or_default();
        let id = last.parse().map_err(|_error| unusable())?;
        self.node.node = url.join("/").map_err(|_error| unusable())?;
        Ok(id)
    }
}
