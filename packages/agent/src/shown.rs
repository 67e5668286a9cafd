//! Visas that were shown to a site which gave no receipt. What became of them knows the broker alone.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use imajin_imagxp::broker::VisaTold;
use imajin_kernel::Problem;
use imajin_money::Money;
use serde::Deserialize;

use crate::broker::url_of;
use crate::{Agent, Purchase, PurchaseState};

/// How many visas a broker is asked for at once, and how often in one go.
const PAGE: u32 = 200;
const PAGES_MAX: usize = 50;

#[derive(Deserialize)]
struct Listed {
    items: Vec<VisaStands>,
    #[serde(default)]
    cursor: Option<String>,
}

/// How a visa stands, by the word of its broker.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VisaStands {
    jti: String,
    state: String,
    /// What the publisher has asked for.
    redeemed: Money,
    /// What it was paid.
    credited: Money,
    /// The claims that it has named.
    #[serde(default)]
    claim_digests: Vec<String>,
}

impl VisaStands {
    /// What the journal says from here on about a purchase whose visa was shown.
    fn state_of(&self, visa: &str, reason: &str) -> PurchaseState {
        let is_over = self.state == "closed";
        if is_over && self.credited.amount.is_zero() {
            return PurchaseState::Unspent {
                reason: format!("{reason}, and the money is back"),
            };
        }
        let reason = match (is_over, self.redeemed.amount.is_zero()) {
            (true, _) => "there is no receipt, and the publisher was paid",
            (false, false) => "there is no receipt, and the publisher redeems the visa",
            (false, true) => reason,
        };
        PurchaseState::Shown {
            visa: (!is_over).then(|| visa.to_owned()),
            reason: reason.to_owned(),
        }
    }
}

impl Agent {
    /// Asks the brokers what became of the visas that were shown without a receipt and have ended: what is back is not
    /// spent any more. A broker that does not say it leaves it as it is, and is asked again the next time.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn shown_settle(&self) -> Result<(), Problem> {
        let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for purchase in self.journal().list() {
            let ended = shown_of(purchase).and_then(|(visa, _)| VisaTold::read(visa));
            if let Some(told) = ended.filter(|told| told.ends_at() < self.now()) {
                wanted.entry(purchase.broker.clone()).or_default().insert(told.jti);
            }
        }
        for (broker, jtis) in wanted {
            let Ok(stands) = self.visas_find(&broker, jtis).await else {
                continue;
            };
            let mut journal = self.journal();
            let shown: Vec<Purchase> = journal.list().into_iter().cloned().collect();
            for mut purchase in shown.into_iter().filter(|purchase| purchase.broker == broker) {
                let Some((visa, reason)) = shown_of(&purchase) else {
                    continue;
                };
                let known = VisaTold::read(visa).and_then(|told| stands.get(&told.jti));
                let state = known.map(|known| known.state_of(visa, reason));
                if let Some(state) = state.filter(|state| *state != purchase.state) {
                    purchase.state = state;
                    journal.write(&purchase)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the publisher has redeemed the visa of a purchase already, by the broker's word. Where the broker cannot
    /// be asked, nobody knows of it.
    pub(crate) async fn is_redeemed(&self, purchase: &Purchase) -> bool {
        let PurchaseState::Promised { visa } = &purchase.state else {
            return false;
        };
        let stands = self.visa_find(&purchase.broker, visa).await;
        stands.is_some_and(|one| !one.redeemed.amount.is_zero())
    }

    /// The claims by which the publisher has redeemed a visa that was shown, by the broker's word. They need not be the
    /// agent's: whoever gives no receipt may name any.
    pub(crate) async fn redeemed_claims(&self, purchase: &Purchase) -> Vec<String> {
        let Some((visa, _)) = shown_of(purchase) else {
            return Vec::new();
        };
        let stands = self.visa_find(&purchase.broker, visa).await;
        stands.map(|one| one.claim_digests).unwrap_or_default()
    }

    async fn visa_find(&self, broker: &str, visa: &str) -> Option<VisaStands> {
        let told = VisaTold::read(visa)?;
        let stands = self.visas_find(broker, BTreeSet::from([told.jti.clone()])).await;
        stands.ok()?.remove(&told.jti)
    }

    /// How these visas stand, the newest first in the broker's own list.
    async fn visas_find(
        &self,
        broker: &str,
        mut wanted: BTreeSet<String>,
    ) -> Result<BTreeMap<String, VisaStands>, Problem> {
        let (mut found, mut after) = (BTreeMap::new(), String::new());
        for _page in 0..PAGES_MAX {
            let url = url_of(&format!("{broker}/api/visas?limit={PAGE}{after}"))?;
            let listed: Listed = self.ask(Method::GET, &url, None, None).await?.json()?;
            for one in listed.items {
                if wanted.remove(&one.jti) {
                    found.insert(one.jti.clone(), one);
                }
            }
            let Some(cursor) = listed.cursor.filter(|_| !wanted.is_empty()) else {
                break;
            };
            after = format!("&cursor={cursor}");
        }
        Ok(found)
    }
}

/// The visa of a purchase that was shown and is not settled, and why there is no receipt.
fn shown_of(purchase: &Purchase) -> Option<(&str, &str)> {
    match &purchase.state {
        PurchaseState::Shown {
            visa: Some(visa),
            reason,
        } => Some((visa, reason)),
        _ => None,
    }
}
