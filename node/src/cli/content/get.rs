use std::io::Write;
use std::path::{Component, Path, PathBuf};

use clap::Args;
use imajin_consent::{ContentRef, DeclarationDraft, IntendedUse};
use imajin_kernel::Problem;
use imajin_kernel::id::{ContentId, ReceiptId};
use imajin_mjn::SettlementInstruction;
use imajin_money::Money;
use imajin_publisher_api::{ContentView, ReaderAccess, UseGrant};
use serde::Serialize;
use url::Url;

use crate::cli::client::{IdentityClient, unexpected};
use crate::cli::exchange::{Exchange, exchanged, node_key};
use crate::cli::leader::local;
use crate::cli::visa::VisaArgs;
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
    /// Pay for it from your balance there, if it has to be paid.
    #[arg(long)]
    pay: bool,
    #[command(flatten)]
    visa: VisaArgs,
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
    /// What the terms ask of whoever uses it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<String>,
}

/// What was paid.
#[derive(Serialize)]
struct Paid {
    price: Money,
    receipt: ReceiptId,
}

impl GetArgs {
    pub(super) async fn run(mut self, output: Output) -> Result<(), CommandError> {
        let id = self.work_of()?;
        let client = self.node.signing(&self.key)?;
        let session = client.login().await?;
        let view: ContentView = client
            .get_own(&session, &format!("/publisher/api/content/{id}"))
            .await?;
        let (paid, conditions) = match (view.access, view.card.price) {
            (ReaderAccess::Unpaid, Some(price)) => {
                self.price_check(&view)?;
                let grant = self.buy(&client, &view, price, output).await?;
                let receipt = grant.receipt.ok_or_else(|| unexpected("The receipt"))?;
                let receipt = receipt.payload.id;
                (Some(Paid { price, receipt }), grant.conditions)
            }
            _ => (None, Vec::new()),
        };
        let path = format!("/publisher/content/{id}");
        let file = match &self.out {
            Some(path) if path.as_os_str() == "-" => None,
            Some(path) => Some(path.clone()),
            None => Some(own_name(&view.file_name)?),
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
            conditions,
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

    /// Consents to reading what the manifest is of, and pays the price that was shown, not more.
    async fn buy(
        &self,
        client: &IdentityClient,
        view: &ContentView,
        price: Money,
        output: Output,
    ) -> Result<UseGrant, CommandError> {
        let (node, key) = node_key(client).await?;
        let id = view.card.id;
        let name = format!("read/{id}/{price}");
        let means = self.visa.means((&self.node, &self.key), client, price, &name).await?;
        let work = ContentRef::Fair(view.card.manifest.clone());
        let exchange = Exchange {
            path: &format!("/publisher/api/content/{id}/use"),
            consent: DeclarationDraft::now(client.did().clone(), work, IntendedUse::Read, client.node().env()),
            settlement: SettlementInstruction {
                max: price,
                means: means.clone(),
            },
            body: &[],
        };
        let answered = exchanged(client, (&node, &key), exchange).await;
        let bytes = answered.inspect_err(|_error| self.visa.unspent(&means, output))?;
        serde_json::from_slice(&bytes).map_err(local)
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
            Some(max) if price.is_at_most(max) => Ok(()),
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

/// The name that the work has, if it is one in this folder: the node chooses it, and so the file that is written.
fn own_name(name: &str) -> Result<PathBuf, CommandError> {
    let mut parts = Path::new(name).components();
    let is_plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
    if is_plain && !name.starts_with('.') && !name.chars().any(char::is_control) {
        return Ok(PathBuf::from(name));
    }
    Err(CommandError::Local(format!(
        "the node calls the work `{}`, which is no name of a file here: say --out",
        name.escape_debug()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_names_a_file_of_this_folder_and_no_other() {
        for good in ["strings.md", "a b.txt", "x"] {
            assert_eq!(own_name(good).ok(), Some(PathBuf::from(good)));
        }
        for bad in [
            "",
            ".",
            "..",
            "../evil",
            "/etc/passwd",
            "a/b",
            "a/",
            "./a",
            ".bashrc",
            "a\u{1b}[2J",
        ] {
            assert!(own_name(bad).is_err(), "{bad:?}");
        }
    }
}
