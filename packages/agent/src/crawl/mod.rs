//! Reading many pages of one site, within one budget.

mod folder;
mod links;
mod outcome;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use imajin_imagxp::Purpose;
use imajin_kernel::{Code, Problem};
use imajin_money::Money;
use url::Url;

use crate::fetched::Answered;
use crate::files::failed;
use crate::page::HOPS_MAX;
use crate::site::SiteRules;
use crate::{Agent, FetchWish, Fetched, Payment, Purchase, PurchaseState, Run};
use folder::{CrawlFolder, Known, file_of};
use links::Links;
pub use outcome::{CrawlStep, Crawled, CrawledPage, Moved, PaidTo, StepOutcome, Unread};

/// How many addresses are remembered, read or not.
const KNOWN_MAX: usize = 100_000;
/// How many sitemaps of one site are read.
const SITEMAPS_MAX: usize = 50;
/// The longest page that links are taken from.
const PAGE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What is to be read of a site.
#[derive(Debug, Clone)]
pub struct CrawlWish {
    /// Where it begins; only pages of the same origin are read, and of those in `also`.
    pub start: Url,
    /// Other sites that pages may have moved to.
    pub also: Vec<Url>,
    /// What for.
    pub purpose: Purpose,
    /// The most that one page may cost; nothing, when nothing is said.
    pub max: Option<Money>,
    /// The most that all of them may cost together.
    pub budget: Option<Money>,
    /// The largest page that is read; see [`crate::PAGE_BYTES_MAX`].
    pub bytes_max: u64,
    /// How many pages are asked for at most, with those that are there already.
    pub pages_max: usize,
    /// How many at a time.
    pub at_once: usize,
    /// Whether the site's sitemaps say which pages there are, and not the links of the pages.
    pub by_sitemap: bool,
    /// The folder for the pages. A crawl that was interrupted goes on in its folder.
    pub out: PathBuf,
}

/// Which pages are known and were not asked for.
#[derive(Default)]
struct Frontier {
    next: VecDeque<Url>,
    seen: BTreeSet<String>,
    /// How often the way to a page has led on to another address.
    hops: BTreeMap<String, u8>,
}

/// What came of a page.
enum Outcome {
    Read(Box<CrawledPage>),
    Moved(Url),
    Unread(Problem),
}

struct Visited {
    url: Url,
    outcome: Outcome,
    is_from_before: bool,
    /// The purchase of whose page nobody was told yet.
    untold: Option<String>,
    links: Links,
}

/// A crawl at work.
struct Crawl<'a> {
    wish: &'a CrawlWish,
    /// What the sites say that it may visit.
    sites: Vec<SiteRules>,
    folder: CrawlFolder,
    frontier: Frontier,
    crawled: Crawled,
}

impl Crawl<'_> {
    /// Learns of pages: each is asked for once, unless its site does not want it or is none that is visited.
    fn add(&mut self, urls: impl IntoIterator<Item = Url>) {
        for url in urls {
            let seen = &mut self.frontier.seen;
            if seen.len() >= KNOWN_MAX || !seen.insert(url.to_string()) {
                continue;
            }
            let reason = match self.sites.iter().find(|site| site.is_of(&url)) {
                Some(site) => site.refusal(&url, self.wish.purpose),
                None => Some("It is on another site: allow that one with --also.".to_owned()),
            };
            match reason {
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
        let url = visited.url;
        match visited.outcome {
            Outcome::Unread(problem) => {
                let reason = problem.detail;
                self.crawled.unread.push(Unread { url, reason });
            }
            Outcome::Moved(to) => self.go_on(Moved { url, to })?,
            Outcome::Read(page) => {
                if visited.is_from_before {
                    self.crawled.from_before = self.crawled.from_before.saturating_add(1);
                }
                self.folder.add(&page)?;
                self.crawled.pages.push(*page);
            }
        }
        Ok(())
    }

    /// Goes where a page has moved to, if that is not too far: an address that is known was asked for, or will be.
    fn go_on(&mut self, moved: Moved) -> Result<(), Problem> {
        self.folder.moved_add(&moved)?;
        let before = self.frontier.hops.get(moved.url.as_str()).copied().unwrap_or(0);
        let hops = before.saturating_add(1);
        let to = moved.to.clone();
        if hops > HOPS_MAX {
            let (url, reason) = (to, format!("The way to it has led on more than {HOPS_MAX} times."));
            self.crawled.unread.push(Unread { url, reason });
        } else {
            self.frontier.hops.entry(to.to_string()).or_insert(hops);
            self.add([to]);
        }
        self.crawled.moved.push(moved);
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
        self.shown_settle().await?;
        let sites = self.sites_rules(&wish).await?;
        let folder = CrawlFolder::open(&wish, self.fresh_name())?;
        let run = folder.id.clone();
        let mut crawl = Crawl {
            wish: &wish,
            sites,
            folder,
            frontier: Frontier::default(),
            crawled: Crawled::default(),
        };
        crawl.add([wish.start.clone()]);
        if wish.by_sitemap {
            let site = crawl.sites.first().map(|site| site.robots.sitemaps.clone());
            crawl.add(self.sitemap_pages(&wish, &site.unwrap_or_default()).await?);
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
                outcome: match &visited.outcome {
                    Outcome::Read(page) => StepOutcome::Read(page),
                    Outcome::Moved(to) => StepOutcome::Moved(to),
                    Outcome::Unread(problem) => StepOutcome::Unread(problem),
                },
            });
            let before = visited.is_from_before.then(|| visited.url.clone());
            let untold = visited.untold.clone();
            crawl.take(visited)?;
            let untold = untold.or_else(|| self.untold_before(&run, &before?));
            if let Some(purchase) = untold {
                self.told(&purchase)?;
            }
        }
        crawl.crawled.left = crawl.frontier.next.len();
        crawl.crawled.paid_sum(&self.journal(), &run);
        Ok(crawl.crawled)
    }

    /// What the sites say that a crawl may visit, the one where it begins first.
    async fn sites_rules(&self, wish: &CrawlWish) -> Result<Vec<SiteRules>, Problem> {
        let first = self.site_rules(&wish.start).await?;
        if let Some(reason) = first.refusal(&wish.start, wish.purpose) {
            return Err(Problem::new(Code::Forbidden, reason));
        }
        let mut sites = vec![first];
        for url in &wish.also {
            if !sites.iter().any(|site| site.is_of(url)) {
                sites.push(self.site_rules(url).await?);
            }
        }
        Ok(sites)
    }

    /// The purchase of a page of an earlier run that is in the list of the crawl, if nobody was told of it.
    fn untold_before(&self, run: &str, url: &Url) -> Option<String> {
        let journal = self.journal();
        let is_untold = |one: &&Purchase| one.url == url.as_str() && one.page.is_some();
        journal.of_run(run).find(is_untold).map(|purchase| purchase.id.clone())
    }

    /// What this crawl has read before. What it has paid for was whole on disk before it was written down as paid, so
    /// it is not bought again, even where the line about the page is missing.
    fn page_before(&self, crawl: &Crawl<'_>, url: &Url) -> Option<Outcome> {
        match crawl.folder.find(url) {
            Some(Known::Page(page)) => return Some(Outcome::Read(Box::new(page.clone()))),
            Some(Known::Moved(to)) => return Some(Outcome::Moved(to.clone())),
            None => {}
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
            return Some(Outcome::Unread(Problem::new(Code::Conflict, detail)));
        };
        Some(Outcome::Read(Box::new(CrawledPage {
            url: url.clone(),
            file,
            bytes: metadata.len(),
            content_type: None,
            paid: Some(Payment::of_before(purchase, receipt.clone())),
            origin: None,
        })))
    }

    async fn page_visit(
        &self,
        wish: &CrawlWish,
        (run, out): (&str, PathBuf),
        url: Url,
        before: Option<Outcome>,
    ) -> Visited {
        let is_from_before = before.is_some();
        let (outcome, untold) = match before {
            Some(known) => (known, None),
            None => self
                .page_fetch(wish, run, &url, &out)
                .await
                .unwrap_or_else(|problem| (Outcome::Unread(problem), None)),
        };
        let links = match &outcome {
            Outcome::Read(page) => links_of(page, &out),
            Outcome::Moved(_) | Outcome::Unread(_) => Links::default(),
        };
        Visited {
            url,
            outcome,
            is_from_before,
            untold,
            links,
        }
    }

    async fn page_fetch(
        &self,
        wish: &CrawlWish,
        run: &str,
        url: &Url,
        out: &Path,
    ) -> Result<(Outcome, Option<String>), Problem> {
        let wanted = FetchWish {
            url: url.clone(),
            purpose: wish.purpose,
            max: wish.max,
            out: out.to_owned(),
            run: Some(Run {
                id: run.to_owned(),
                budget: wish.budget,
            }),
            bytes_max: wish.bytes_max,
        };
        let answered = Box::pin(self.page_read(&wanted)).await;
        if !matches!(answered, Ok(Answered::Page(_))) {
            // Half a page, none, or one that is not what the publisher has signed.
            let _was_never_there = std::fs::remove_file(out);
        }
        let fetched = match answered? {
            Answered::Page(fetched) => *fetched,
            Answered::Moved(to) => return Ok((Outcome::Moved(to), None)),
        };
        let Fetched {
            url,
            bytes,
            content_type,
            paid,
            origin,
            untold,
            ..
        } = fetched;
        let page = CrawledPage {
            file: file_of(&url),
            url,
            bytes,
            content_type,
            paid,
            origin,
        };
        Ok((Outcome::Read(Box::new(page)), untold))
    }

    /// The pages of the sitemaps that robots.txt names, or of the usual one.
    async fn sitemap_pages(&self, wish: &CrawlWish, named: &[String]) -> Result<Vec<Url>, Problem> {
        let named = named.iter().filter_map(|text| wish.start.join(text).ok());
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
