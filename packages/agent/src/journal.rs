use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use imajin_imagxp::Purpose;
use imajin_kernel::{Code, Problem, Span, Timestamp};
use imajin_money::{Amount, Asset, Money};
use serde::{Deserialize, Serialize};

use crate::lines::{Lines, lines_read};
use crate::{Door, Limits};

/// How long after its visa's end a purchase may still turn out to have been paid.
const DAY: Span = Span::hours(24);

/// Where a purchase stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase", tag = "state")]
pub enum PurchaseState {
    /// The broker is asked, or was when the process ended.
    Intended,
    /// There is a visa.
    Promised {
        /// The visa.
        visa: String,
    },
    /// The publisher has given a receipt.
    Paid {
        /// The receipt.
        receipt: String,
    },
    /// The visa was sent and there is no receipt. Whoever has it can redeem it all the same, so it is spent until the
    /// broker says that it came back.
    Shown {
        /// The visa; nothing, once the broker has said that it was taken.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        visa: Option<String>,
        /// What the site said instead of a receipt, or what became of the visa.
        reason: String,
    },
    /// Nothing was spent: the visa was never sent, or has come back.
    Unspent {
        /// Why.
        reason: String,
    },
}

/// Something that the agent buys, or has bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Purchase {
    /// Its name, for the broker and for the publisher.
    pub id: String,
    /// When it was intended.
    pub at: Timestamp,
    /// What is read.
    pub url: String,
    /// What for.
    pub purpose: Purpose,
    /// The publisher's host.
    pub publisher: String,
    /// Whose visa pays.
    pub broker: String,
    /// How much.
    pub price: Money,
    /// How the agent says who it is to the publisher.
    #[serde(default, skip_serializing_if = "Door::is_claim")]
    pub door: Door,
    /// The crawl that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The claims that were sent with the visa, by their SHA-256 in hex: the payment goes by one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
    /// What the broker calls the dispute about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<String>,
    /// The page, once it is paid, until somebody has been told that it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<PaidPage>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: PurchaseState,
}

/// A page that was paid for and is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaidPage {
    /// Where it was put.
    pub file: PathBuf,
    /// Its digest, as `Content-Digest` has it: something else may have been put there since.
    pub digest: String,
}

impl Purchase {
    fn is_spent(&self) -> bool {
        !matches!(self.state, PurchaseState::Unspent { .. })
    }

    /// Whether it is paid.
    pub const fn is_paid(&self) -> bool {
        matches!(self.state, PurchaseState::Paid { .. })
    }

    /// Whether it is not decided yet.
    pub fn is_open(&self) -> bool {
        matches!(self.state, PurchaseState::Intended | PurchaseState::Promised { .. })
    }
}

/// What an agent has bought, and how each of it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purchases(BTreeMap<String, Purchase>);

/// What an agent has bought: a line for each step, on disk before the step is taken.
pub struct Journal {
    lines: Lines,
    purchases: Purchases,
}

/// A reading of many pages, with a budget of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its name: the same when it is gone on with.
    pub id: String,
    /// The most that it may cost in all; nothing, when nothing is said.
    pub budget: Option<Money>,
}

impl Purchases {
    fn of(steps: Vec<Purchase>) -> Self {
        Self(steps.into_iter().map(|step| (step.id.clone(), step)).collect())
    }

    /// Reads a journal that another process may be writing.
    ///
    /// # Errors
    /// When it cannot be read, or a line in its middle is damaged.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        Ok(Self::of(lines_read(path)?))
    }

    /// All purchases, the newest first.
    pub fn list(&self) -> Vec<&Purchase> {
        let mut all: Vec<&Purchase> = self.0.values().collect();
        all.sort_by_key(|purchase| std::cmp::Reverse((purchase.at, &purchase.id)));
        all
    }

    /// What was spent in a currency since a moment, with what is on its way.
    pub fn spent(&self, asset: Asset, since: Option<Timestamp>) -> Amount {
        let counts = |purchase: &&Purchase| since.is_none_or(|since| purchase.at > since);
        sum_of(self.0.values().filter(counts), asset)
    }

    /// The currencies in which something was spent.
    pub fn assets(&self) -> Vec<Asset> {
        let mut assets: Vec<Asset> = self.0.values().map(|purchase| purchase.price.asset).collect();
        assets.sort_by_key(ToString::to_string);
        assets.dedup();
        assets
    }
}

impl Deref for Journal {
    type Target = Purchases;

    fn deref(&self) -> &Purchases {
        &self.purchases
    }
}

impl Journal {
    /// Opens the journal, and forgets a last line that a power cut has broken off.
    ///
    /// # Errors
    /// When it cannot be read, or a line in its middle is damaged.
    pub fn open(path: PathBuf) -> Result<Self, Problem> {
        let (lines, read) = Lines::open(path)?;
        let purchases = Purchases::of(read);
        Ok(Self { lines, purchases })
    }

    /// Writes down where a purchase stands; when this returns, a power cut does not change it.
    ///
    /// # Errors
    /// When it cannot be written: then the step must not be taken.
    pub fn write(&mut self, purchase: &Purchase) -> Result<(), Problem> {
        self.lines.append(purchase)?;
        self.purchases.0.insert(purchase.id.clone(), purchase.clone());
        Ok(())
    }

    /// Writes a purchase down if its price is allowed now, whatever was said when it was begun: what it was counted
    /// with then is not counted twice.
    ///
    /// # Errors
    /// Which limit it would pass, or as for [`Journal::write`].
    pub fn begin(&mut self, purchase: &Purchase, limits: &Limits, run: Option<&Run>) -> Result<(), Problem> {
        let known = self.purchases.0.remove(&purchase.id);
        let allowed = self
            .allow(purchase.price, limits, purchase.at)
            .and_then(|()| run.map_or(Ok(()), |run| self.run_allow(purchase.price, run)));
        if let Some(known) = known {
            self.purchases.0.insert(known.id.clone(), known);
        }
        allowed?;
        self.write(purchase)
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Purchase> {
        self.purchases.0.get(id)
    }

    /// A purchase that was begun for the same and is not decided.
    pub fn open_find(&self, url: &str, purpose: Purpose) -> Option<&Purchase> {
        let same = |purchase: &&Purchase| purchase.url == url && purchase.purpose == purpose && purchase.is_open();
        self.purchases.0.values().find(same)
    }

    /// A page that was paid for when the process ended, so that nobody was told that it is there.
    pub fn untold_find(&self, url: &str, purpose: Purpose) -> Option<&Purchase> {
        let same = |purchase: &&Purchase| purchase.url == url && purchase.purpose == purpose && purchase.page.is_some();
        self.purchases.0.values().find(same)
    }

    /// Whether a file has a page that was paid for and of which nobody was told.
    pub(crate) fn is_untold(&self, file: &Path) -> bool {
        let pages = self.purchases.0.values().filter_map(|purchase| purchase.page.as_ref());
        pages.into_iter().any(|page| page.file == file)
    }

    /// What a run has bought, or is buying.
    pub fn of_run<'a>(&'a self, run: &'a str) -> impl Iterator<Item = &'a Purchase> {
        let of_run = move |purchase: &&Purchase| purchase.run.as_deref() == Some(run);
        self.purchases.0.values().filter(of_run)
    }

    /// The newest purchase that was paid, or may be by a visa that was shown: of a page, or by its receipt or its name.
    pub fn paid_find(&self, wanted: &str) -> Option<&Purchase> {
        let is_meant = |purchase: &&Purchase| match &purchase.state {
            PurchaseState::Paid { receipt } => [&purchase.url, &purchase.id, receipt]
                .iter()
                .any(|name| *name == wanted),
            PurchaseState::Shown { .. } => purchase.url == wanted || purchase.id == wanted,
            _ => false,
        };
        let meant = self.purchases.0.values().filter(is_meant);
        meant.max_by_key(|purchase| (purchase.at, &purchase.id))
    }

    /// Refuses a price that the agent's limits do not allow now.
    ///
    /// # Errors
    /// Which limit it would pass.
    pub fn allow(&self, price: Money, limits: &Limits, now: Timestamp) -> Result<(), Problem> {
        for (caps, since, of) in [
            (&limits.per_day, Some(now.minus(DAY)), "a day"),
            (&limits.total, None, "all times"),
        ] {
            let Some(cap) = caps.iter().find(|cap| cap.asset == price.asset) else {
                continue;
            };
            let spent = self.purchases.spent(price.asset, since);
            let after = spent.checked_add(price.amount).unwrap_or(Amount::MAX);
            if after > cap.amount {
                let spent = Money::new(spent, price.asset);
                let detail = format!("It costs {price}; the limit of {of} is {cap}, and {spent} is spent.");
                return Err(Problem::new(Code::Forbidden, detail).hint("Change the limit: imajin agent spend."));
            }
        }
        Ok(())
    }

    /// Refuses a price that the budget of a run does not allow any more.
    ///
    /// # Errors
    /// What the budget is, and what is spent of it.
    pub fn run_allow(&self, price: Money, run: &Run) -> Result<(), Problem> {
        let refused = |detail: String| Err(Problem::new(Code::Forbidden, detail).hint("Allow more with --budget."));
        let Some(budget) = run.budget else {
            return refused(format!("It costs {price}, and the crawl has no budget."));
        };
        let spent = sum_of(self.of_run(&run.id), price.asset);
        let after = spent.checked_add(price.amount).unwrap_or(Amount::MAX);
        if Money::new(after, price.asset).is_at_most(budget) {
            return Ok(());
        }
        let spent = Money::new(spent, price.asset);
        refused(format!(
            "It costs {price}; the budget of the crawl is {budget}, and {spent} is spent."
        ))
    }
}

/// What some purchases cost in a currency, with what is on its way.
fn sum_of<'a>(purchases: impl Iterator<Item = &'a Purchase>, asset: Asset) -> Amount {
    let counts = |purchase: &&Purchase| purchase.is_spent() && purchase.price.asset == asset;
    purchases.filter(counts).fold(Amount::ZERO, |sum, purchase| {
        sum.checked_add(purchase.price.amount).unwrap_or(Amount::MAX)
    })
}
