//! What comes of a crawl.

use std::collections::BTreeMap;

use imajin_kernel::Problem;
use imajin_money::{Amount, Money};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{Journal, Payment};

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

/// A page that is elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// The page.
    pub url: Url,
    /// Where the site leads to.
    pub to: Url,
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
    /// What is elsewhere: it is read there, where the crawl may.
    pub moved: Vec<Moved>,
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
    /// What came of it.
    pub outcome: StepOutcome<'a>,
}

/// What came of asking for a page.
#[derive(Debug)]
pub enum StepOutcome<'a> {
    /// It was read.
    Read(&'a CrawledPage),
    /// It is elsewhere.
    Moved(&'a Url),
    /// Why it was not read.
    Unread(&'a Problem),
}

impl Crawled {
    /// Sums up what a crawl has paid.
    pub(super) fn paid_sum(&mut self, journal: &Journal, run: &str) {
        let mut sums: BTreeMap<(String, String, String), PaidTo> = BTreeMap::new();
        for purchase in journal.of_run(run) {
            if purchase.is_open() {
                self.on_its_way = self.on_its_way.saturating_add(1);
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
        self.paid = sums.into_values().collect();
    }
}
