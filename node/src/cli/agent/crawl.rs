use std::path::PathBuf;

use clap::Args;
use imajin_agent::{CrawlStep, CrawlWish, Crawled, PAGE_BYTES_MAX, StepOutcome};
use imajin_imagxp::Purpose;
use imajin_money::Money;
use url::Url;

use super::super::output::table;
use super::super::{CommandError, Output};
use super::{As, HomeArg, amount_parse, purpose_parse};

/// How many pages that were not read are listed; `--json` lists all.
const UNREAD_SHOWN: usize = 20;

#[derive(Debug, Args)]
pub(in super::super) struct CrawlArgs {
    #[command(flatten)]
    home: HomeArg,
    /// Where to begin; only pages of the same site are read.
    url: Url,
    /// Another site that pages may have moved to, such as `https://www.site.example`. Can be there more than once.
    #[arg(long, value_name = "URL")]
    also: Vec<Url>,
    /// The folder for the pages. What was interrupted goes on there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The most that one page may cost: `0.01`, or `0.01 EUR`.
    #[arg(long, value_name = "AMOUNT", value_parser = amount_parse, requires = "budget")]
    max: Option<Money>,
    /// The most that all pages may cost together, also when the crawl is gone on with.
    #[arg(long, value_name = "AMOUNT", value_parser = amount_parse)]
    budget: Option<Money>,
    /// How many pages are asked for at most, with those that are there already.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pages: u32,
    /// The largest page, in bytes.
    #[arg(long, value_name = "COUNT", default_value_t = PAGE_BYTES_MAX)]
    max_bytes: u64,
    /// How many pages at a time.
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=16))]
    at_once: u32,
    /// Read the pages that the site's sitemaps name, and follow no links.
    #[arg(long)]
    sitemap: bool,
    /// What for: `RAG_RETRIEVAL`, `SUMMARY`, `QUOTATION`, `EMBEDDING` or `CRAWL_TRAINING`.
    #[arg(long, value_name = "PURPOSE", default_value = "RAG_RETRIEVAL", value_parser = purpose_parse)]
    purpose: Purpose,
    /// By which protocol the agent says who it is.
    #[arg(long = "as", value_enum, default_value_t)]
    door: As,
}

impl CrawlArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let mut agent = self.home.agent()?;
        agent.door_set(self.door.into());
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let wish = CrawlWish {
            start: self.url,
            also: self.also,
            purpose: self.purpose,
            // With a budget alone, one page may cost all of it.
            max: self.max.or(self.budget),
            budget: self.budget,
            bytes_max: self.max_bytes,
            pages_max: count(self.pages),
            at_once: count(self.at_once),
            by_sitemap: self.sitemap,
            out: self.out,
        };
        let mut progress = |step: &CrawlStep<'_>| output.note(&step_text(step));
        let crawled = Box::pin(agent.crawl(&wish, &mut progress)).await?;
        output.result(&crawled, |crawled| crawled_text(crawled, &wish));
        // The reasons are in what was printed.
        if crawled.pages.is_empty() {
            return Err(CommandError::Negative);
        }
        Ok(())
    }
}

fn step_text(step: &CrawlStep<'_>) -> String {
    let said = match step.outcome {
        StepOutcome::Read(page) => page.paid.as_ref().map_or_else(
            || format!("{} bytes", page.bytes),
            |paid| format!("{} bytes, {}", page.bytes, paid.price),
        ),
        StepOutcome::Moved(to) => format!("is at {to}"),
        StepOutcome::Unread(problem) => problem.detail.clone(),
    };
    format!("{}  {}  {said}", step.number, step.url)
}

fn crawled_text(crawled: &Crawled, wish: &CrawlWish) -> String {
    let unread = crawled.unread.iter().take(UNREAD_SHOWN);
    let unread: Vec<Vec<String>> = unread
        .map(|page| vec![page.url.to_string(), page.reason.clone()])
        .collect();
    let mut lines = Vec::new();
    if !unread.is_empty() {
        lines.push(table(&unread));
    }
    let (pages, before) = (crawled.pages.len(), crawled.from_before);
    lines.push(format!(
        "{pages} pages are in {}, {before} of them from before. {} were not read, and {} are known and were not \
         asked for.",
        wish.out.display(),
        crawled.unread.len(),
        crawled.left
    ));
    if !crawled.moved.is_empty() {
        let moved = crawled.moved.len();
        lines.push(format!(
            "{moved} addresses lead to another one; what may be read there was read there."
        ));
    }
    if crawled.paid.is_empty() {
        lines.push("It cost nothing.".to_owned());
    }
    for paid in &crawled.paid {
        lines.push(format!(
            "Paid {} to {} for {} pages, with visas of {}.",
            paid.amount, paid.publisher, paid.pages, paid.broker
        ));
    }
    if crawled.on_its_way > 0 {
        lines.push(format!(
            "{} payments are on their way: run the command again, and it goes on with them.",
            crawled.on_its_way
        ));
    }
    lines.join("\n")
}
