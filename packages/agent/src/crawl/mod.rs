//! Reading many pages of one site, within one budget.

mod folder;
mod links;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use imajin_imagxp::Purpose;
use imajin_kernel::{Code, Problem};
use imajin_money::{Amount, Money};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::fetch::{FetchWish, Fetched, Payment};
use crate::files::failed;
use crate::site::SiteRules;
use crate::{Agent, Purchase, PurchaseState, Run};
use folder::{CrawlFolder, file_of};
use links::Links;

/// How many addresses are remembered, read or not.
const KNOWN_MAX: usize = 100_000;
/// How many sitemaps of one site are read.
const SITEMAPS_MAX: usize = 50;
/// The longest page that links are taken from.
const PAGE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What is to be read of a site.
#[derive(Debug, Clone)]
pub struct CrawlWish {
    /// Where it begins; only pages of the same origin are read.
    pub start: Url,
    /// What for.
    pub purpose: Purpose,
    /// The most that one page may cost; nothing, when nothing is said.
    pub max: Option<Money>,
    /// The most that all of them may cost together.
    pub budget: Option<Money>,
    /// How many pages are asked for at most, with those that are there already.
    pub pages_max: usize,
    /// How many at a time.
    pub at_once: usize,
    /// Whether the site's sitemaps say which pages there are, and not the links of the pages.
    pub by_sitemap: bool,
    /// The folder for the pages. A crawl that was interrupted goes on in its folder.
    pub out: PathBuf,
}

/// A page that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CrawledPage {
    /// The page.
    pub url: Url,
    /// Its file, in the folder of the crawl.
    pub file: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// What kind of document it is, where the site has said so.
    pub content_type: Option<String>,
    /// What it cost.
    pub paid: Option<Payment>,
    /// Where the publisher has signed that it is from.
    pub origin: Option<String>,
}

/// A page that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unread {
    /// The page.
    pub url: Url,
    /// Why not.
    pub reason: String,
}

/// What somebody was paid, with the visas of one broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaidTo {
    /// The publisher's host.
    pub publisher: String,
    /// The broker.
    pub broker: String,
    /// How much.
    pub amount: Money,
    /// For how many pages.
    pub pages: u64,
}

/// What came of a crawl.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Crawled {
    /// What was read, in this run or before, in the order in which it came.
    pub pages: Vec<CrawledPage>,
    /// How many of them were there before.
    pub from_before: usize,
    /// What was not read.
    pub unread: Vec<Unread>,
    /// How many pages are known and were not asked for.
    pub left: usize,
    /// What was paid in all, from the first run on.
    pub paid: Vec<PaidTo>,
    /// Purchases of which it is not known yet how they end: another run goes on with them.
    pub on_its_way: usize,
}

/// What was done about one page.
#[derive(Debug)]
pub struct CrawlStep<'a> {
    /// The page.
    pub url: &'a Url,
    /// Which one it is.
    pub number: usize,
    /// What was read, or why not.
    pub outcome: Result<&'a CrawledPage, &'a Problem>,
}

/// Which pages are known and were not asked for.
#[derive(Default)]
struct Frontier {
    next: VecDeque<Url>,
    seen: BTreeSet<String>,
}

struct Visited {
    url: Url,
    outcome: Result<CrawledPage, Problem>,
    is_from_before: bool,
    links: Links,
}

/// A crawl at work.
struct Crawl<'a> {
    wish: &'a CrawlWish,
    site: SiteRules,
    folder: CrawlFolder,
    frontier: Frontier,
    crawled: Crawled,
}

impl Crawl<'_> {
    /// Learns of pages: each is asked for once, unless the site does not want it.
    fn add(&mut self, urls: impl IntoIterator<Item = Url>) {
        for url in urls {
            let seen = &mut self.frontier.seen;
            if seen.len() >= KNOWN_MAX || !seen.insert(url.to_string()) {
                continue;
            }
            match self.site.refusal(&url, self.wish.purpose) {
                Some(reason) => self.crawled.unread.push(Unread { url, reason }),
                None => self.frontier.next.push_back(url),
            }
        }
    }

    /// Writes down what became of a page, and learns where it leads.
    fn take(&mut self, visited: Visited) -> Result<(), Problem> {
        if !self.wish.by_sitemap {
            self.add(visited.links.pages);
        }
        let page = match visited.outcome {
            Ok(page) => page,
            Err(problem) => {
                let (url, reason) = (visited.url, problem.detail);
                self.crawled.unread.push(Unread { url, reason });
                return Ok(());
            }
        };
        if visited.is_from_before {
            self.crawled.from_before = self.crawled.from_before.saturating_add(1);
        }
        self.folder.add(&page)?;
        self.crawled.pages.push(page);
        Ok(())
    }
}

impl Agent {
    /// Reads a site page by page, never one twice, and pays within the budget of the whole crawl. What was read is in
    /// the wish's folder; the same wish goes on there. `progress` hears of each page.
    ///
    /// # Errors
    /// When the site does not say what may be read, the first page may not be, or the folder cannot be used. That a
    /// page was not read is no error.
    pub async fn crawl(&self, wish: &CrawlWish, progress: &mut dyn FnMut(&CrawlStep<'_>)) -> Result<Crawled, Problem> {
        let mut wish = wish.clone();
        wish.start.set_fragment(None);
        let site = self.site_rules(&wish.start).await?;
        if let Some(reason) = site.refusal(&wish.start, wish.purpose) {
            return Err(Problem::new(Code::Forbidden, reason));
        }
        let folder = CrawlFolder::open(&wish, self.fresh_name())?;
        let run = folder.id.clone();
        let mut crawl = Crawl {
            wish: &wish,
            site,
            folder,
            frontier: Frontier::default(),
            crawled: Crawled::default(),
        };
        crawl.add([wish.start.clone()]);
        if wish.by_sitemap {
            crawl.add(self.sitemap_pages(&wish, &crawl.site).await?);
        }
        let (mut running, mut asked, mut number) = (FuturesUnordered::new(), 0_usize, 0_usize);
        loop {
            while running.len() < wish.at_once.max(1) && asked < wish.pages_max {
                let Some(url) = crawl.frontier.next.pop_front() else {
                    break;
                };
                asked = asked.saturating_add(1);
                let before = self.page_before(&crawl, &url);
                let out = crawl.folder.path(&file_of(&url));
                running.push(self.page_visit(&wish, (&run, out), url, before));
            }
            let Some(visited) = running.next().await else { break };
            number = number.saturating_add(1);
            progress(&CrawlStep {
                url: &visited.url,
                number,
                outcome: visited.outcome.as_ref(),
            });
            crawl.take(visited)?;
        }
        crawl.crawled.left = crawl.frontier.next.len();
        self.paid_sum(&run, &mut crawl.crawled);
        Ok(crawl.crawled)
    }

    /// What this crawl has read before. What it has paid for was whole on disk before it was written down as paid, so
    /// it is not bought again, even where the line about the page is missing.
    fn page_before(&self, crawl: &Crawl<'_>, url: &Url) -> Option<Result<CrawledPage, Problem>> {
        if let Some(page) = crawl.folder.find(url) {
            return Some(Ok(page.clone()));
        }
        let journal = self.journal();
        let is_this = |one: &&Purchase| one.url == url.as_str() && one.purpose == crawl.wish.purpose && one.is_paid();
        let purchase = journal.of_run(&crawl.folder.id).find(is_this)?;
        let PurchaseState::Paid { receipt } = &purchase.state else {
            return None;
        };
        let file = file_of(url);
        let Ok(metadata) = std::fs::metadata(crawl.folder.path(&file)) else {
            let detail = format!("It was paid for, receipt {receipt}, and what came is not there.");
            return Some(Err(Problem::new(Code::Conflict, detail)));
        };
        Some(Ok(CrawledPage {
            url: url.clone(),
            file,
            bytes: metadata.len(),
            content_type: None,
            paid: Some(Payment::of(purchase, receipt.clone(), true)),
            origin: None,
        }))
    }

    async fn page_visit(
        &self,
        wish: &CrawlWish,
        (run, out): (&str, PathBuf),
        url: Url,
        before: Option<Result<CrawledPage, Problem>>,
    ) -> Visited {
        let is_from_before = before.is_some();
        let outcome = match before {
            Some(known) => known,
            None => self.page_fetch(wish, run, &url, &out).await,
        };
        let links = outcome.as_ref().map(|page| links_of(page, &out)).unwrap_or_default();
        Visited {
            url,
            outcome,
            is_from_before,
            links,
        }
    }

    async fn page_fetch(&self, wish: &CrawlWish, run: &str, url: &Url, out: &Path) -> Result<CrawledPage, Problem> {
        let wanted = FetchWish {
            url: url.clone(),
            purpose: wish.purpose,
            max: wish.max,
            out: out.to_owned(),
            run: Some(Run {
                id: run.to_owned(),
                budget: wish.budget,
            }),
        };
        let fetched = Box::pin(self.page_read(&wanted)).await;
        if fetched.is_err() {
            // Half a page, none, or one that is not what the publisher has signed.
            let _was_never_there = std::fs::remove_file(out);
        }
        let Fetched {
            url,
            bytes,
            content_type,
            paid,
            origin,
            origin_unchecked: _,
        } = fetched?;
        Ok(CrawledPage {
            file: file_of(&url),
            url,
            bytes,
            content_type,
            paid,
            origin,
        })
    }

    /// The pages of the sitemaps that robots.txt names, or of the usual one.
    async fn sitemap_pages(&self, wish: &CrawlWish, site: &SiteRules) -> Result<Vec<Url>, Problem> {
        let named = site
            .robots
            .sitemaps
            .iter()
            .filter_map(|text| wish.start.join(text).ok());
        let mut open: VecDeque<Url> = named.filter(|url| url.origin() == wish.start.origin()).collect();
        if open.is_empty() {
            open.extend(wish.start.join("/sitemap.xml"));
        }
        let (mut seen, mut pages) = (BTreeSet::new(), Vec::new());
        while let Some(url) = open.pop_front() {
            if seen.len() >= SITEMAPS_MAX || pages.len() >= KNOWN_MAX || !seen.insert(url.to_string()) {
                continue;
            }
            let answer = self.claimed_get(&url, wish.purpose).await?;
            if answer.status.is_success() {
                let found = links::of_sitemap(&String::from_utf8_lossy(&answer.body), &wish.start);
                pages.extend(found.pages);
                open.extend(found.sitemaps);
            }
        }
        if pages.is_empty() {
            let detail = "The site has no sitemap with pages.";
            return Err(Problem::new(Code::NotFound, detail).hint("Follow its links: leave --sitemap out."));
        }
        Ok(pages)
    }

    fn paid_sum(&self, run: &str, crawled: &mut Crawled) {
        let mut sums: BTreeMap<(String, String, String), PaidTo> = BTreeMap::new();
        let journal = self.journal();
        for purchase in journal.of_run(run) {
            if purchase.is_open() {
                crawled.on_its_way = crawled.on_its_way.saturating_add(1);
            }
            if !purchase.is_paid() {
                continue;
            }
            let (publisher, broker, price) = (&purchase.publisher, &purchase.broker, purchase.price);
            let name = (publisher.clone(), broker.clone(), price.asset.to_string());
            let sum = sums.entry(name).or_insert_with(|| PaidTo {
                publisher: publisher.clone(),
                broker: broker.clone(),
                amount: Money::new(Amount::ZERO, price.asset),
                pages: 0,
            });
            let after = sum.amount.amount.checked_add(price.amount);
            sum.amount = Money::new(after.unwrap_or(Amount::MAX), price.asset);
            sum.pages = sum.pages.saturating_add(1);
        }
        crawled.paid = sums.into_values().collect();
    }
}

/// Where a page leads to, if it is HTML; a page that cannot be read any more leads nowhere.
fn links_of(page: &CrawledPage, path: &Path) -> Links {
    let kind = page.content_type.as_deref().map(str::to_ascii_lowercase);
    let is_html = kind.is_none_or(|kind| kind.contains("html"));
    if !is_html || page.bytes > PAGE_BYTES_MAX {
        return Links::default();
    }
    match std::fs::read(path).map_err(failed(path)) {
        Ok(bytes) => links::of_html(&String::from_utf8_lossy(&bytes), &page.url),
        Err(_unread) => Links::default(),
    }
}
