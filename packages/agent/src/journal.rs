use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use imajin_imagxp::Purpose;
use imajin_kernel::{Code, Problem, Span, Timestamp};
use imajin_money::{Amount, Asset, Money};
use serde::{Deserialize, Serialize};

use crate::Limits;
use crate::files::{failed, folder_sync, open};

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
    /// Nothing was spent; what is left of a visa goes back when it has expired.
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
    /// Where it stands.
    #[serde(flatten)]
    pub state: PurchaseState,
}

impl Purchase {
    fn is_spent(&self) -> bool {
        !matches!(self.state, PurchaseState::Unspent { .. })
    }

    /// Whether it is not decided yet.
    pub fn is_open(&self) -> bool {
        matches!(self.state, PurchaseState::Intended | PurchaseState::Promised { .. })
    }
}

/// What an agent has bought: a line for each step, on disk before the step is taken.
pub struct Journal {
    file: File,
    path: PathBuf,
    purchases: BTreeMap<String, Purchase>,
}

impl Journal {
    /// Opens the journal, and forgets a last line that a power cut has broken off.
    ///
    /// # Errors
    /// When it cannot be read, or a line in its middle is damaged.
    pub fn open(path: PathBuf) -> Result<Self, Problem> {
        let mut file = open(&path)?;
        folder_sync(&path).map_err(failed(&path))?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed(&path))?;
        let whole = text.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let mut purchases = BTreeMap::new();
        for (line, number) in text.get(..whole).unwrap_or_default().lines().zip(1_u32..) {
            let purchase: Purchase = serde_json::from_str(line).map_err(|error| {
                Problem::invalid(format!("{}, line {number}, is damaged: {error}.", path.display()))
            })?;
            purchases.insert(purchase.id.clone(), purchase);
        }
        let length = u64::try_from(whole).unwrap_or(u64::MAX);
        file.set_len(length).map_err(failed(&path))?;
        file.seek(SeekFrom::End(0)).map_err(failed(&path))?;
        Ok(Self { file, path, purchases })
    }

    /// Writes down where a purchase stands; when this returns, a power cut does not change it.
    ///
    /// # Errors
    /// When it cannot be written: then the step must not be taken.
    pub fn write(&mut self, purchase: &Purchase) -> Result<(), Problem> {
        let mut line = serde_json::to_vec(purchase).map_err(|_error| Problem::internal())?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        written.map_err(failed(&self.path))?;
        self.purchases.insert(purchase.id.clone(), purchase.clone());
        Ok(())
    }

    /// All purchases, the newest first.
    pub fn list(&self) -> Vec<&Purchase> {
        let mut all: Vec<&Purchase> = self.purchases.values().collect();
        all.sort_by_key(|purchase| std::cmp::Reverse((purchase.at, &purchase.id)));
        all
    }

    /// A purchase that was begun for the same and is not decided.
    pub fn open_find(&self, url: &str, purpose: Purpose) -> Option<&Purchase> {
        let same = |purchase: &&Purchase| purchase.url == url && purchase.purpose == purpose && purchase.is_open();
        self.purchases.values().find(same)
    }

    /// What was spent in a currency since a moment, with what is on its way.
    pub fn spent(&self, asset: Asset, since: Option<Timestamp>) -> Amount {
        let counts = |purchase: &&Purchase| {
            purchase.is_spent() && purchase.price.asset == asset && since.is_none_or(|since| purchase.at > since)
        };
        let spent = self.purchases.values().filter(counts);
        spent.fold(Amount::ZERO, |sum, purchase| {
            sum.checked_add(purchase.price.amount).unwrap_or(Amount::MAX)
        })
    }

    /// The currencies in which something was spent.
    pub fn assets(&self) -> Vec<Asset> {
        let mut assets: Vec<Asset> = self.purchases.values().map(|purchase| purchase.price.asset).collect();
        assets.sort_by_key(ToString::to_string);
        assets.dedup();
        assets
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
            let spent = self.spent(price.asset, since);
            let after = spent.checked_add(price.amount).unwrap_or(Amount::MAX);
            if after > cap.amount {
                let spent = Money::new(spent, price.asset);
                let detail = format!("It costs {price}; the limit of {of} is {cap}, and {spent} is spent.");
                return Err(Problem::new(Code::Forbidden, detail).hint("Change the limit: imajin agent spend."));
            }
        }
        Ok(())
    }
}
