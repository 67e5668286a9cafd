//! What the chain says that went into the wallet and out of it, whoever did it: a list for each coin, the newest first.
//!
//! What the node did itself is in these lists as well, and is told apart by whoever compares them with the ledger: the
//! other lists name its transactions. What the chain kept of the wallet's SOL for a transaction that failed is a cost.

use imajin_kernel::Timestamp;
use imajin_money::{Amount, Money};

use super::landed::Landed;
use super::rpc::Listed;
use super::{Address, Coin, SolanaError, SolanaRail};
use crate::{FACT_DONE, FactCut, FactKind, FactPage, RailBalance, RailError, RailFact};

/// In front of the cursors.
const HISTORY: &str = "history|";
/// As many transactions as one page has: each is fetched by itself.
const PAGE: usize = 25;

/// Where in the lists to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HistoryPlace {
    /// Which coin's list.
    coin: usize,
    /// How many of it were read.
    read: usize,
    /// The last of them; none at the beginning.
    before: Option<String>,
    /// When that one was made, in seconds.
    at: i64,
}

impl HistoryPlace {
    fn cursor(&self) -> String {
        let before = self.before.as_deref().unwrap_or_default();
        format!("{HISTORY}{}|{}|{}|{before}", self.coin, self.read, self.at)
    }

    fn list(coin: usize) -> Self {
        Self {
            coin,
            read: 0,
            before: None,
            at: i64::MAX,
        }
    }
}

/// The cursor of the first page.
pub(super) fn first() -> String {
    HistoryPlace::list(0).cursor()
}

/// The place of a cursor; `None` for one of another list.
pub(super) fn place_of(cursor: &str) -> Option<Result<HistoryPlace, RailError>> {
    let rest = cursor.strip_prefix(HISTORY)?;
    let parse = || {
        let mut parts = rest.splitn(4, '|');
        let place = HistoryPlace {
            coin: parts.next()?.parse().ok()?,
            read: parts.next()?.parse().ok()?,
            at: parts.next()?.parse().ok()?,
            before: parts.next().map(str::to_owned).filter(|before| !before.is_empty()),
        };
        Some(place)
    };
    Some(parse().ok_or_else(|| RailError::Malformed(format!("`{cursor}` is no place in a list"))))
}

impl SolanaRail {
    /// The coins that the node takes, and the accounts in which its wallet has them.
    fn wallet_accounts(&self) -> Result<Vec<(Coin, Address)>, SolanaError> {
        let assets = self.network.tokens().into_iter().filter_map(|token| token.settles_as);
        assets
            .map(|asset| {
                let coin = self.network.coin(asset)?;
                let account = coin.account(&self.address())?;
                Ok((coin, account))
            })
            .collect()
    }

    /// What is in the wallet, coin by coin.
    pub(super) async fn wallet_balances(&self) -> Result<Vec<RailBalance>, RailError> {
        self.chain_check().await?;
        let mut balances = Vec::new();
        for (coin, account) in self.wallet_accounts()? {
            let held = self.rpc.holdings(&coin, &[self.address()]).await?;
            let units = held.get(&account).map_or(0, |holding| holding.units);
            balances.push(RailBalance {
                asset: coin.asset,
                units: i64::try_from(units).unwrap_or(i64::MAX),
            });
        }
        Ok(balances)
    }

    /// A page of what moved in the wallet since a moment.
    pub(super) async fn history_page(&self, since: Timestamp, place: HistoryPlace) -> Result<FactPage, RailError> {
        self.chain_check().await?;
        let accounts = self.wallet_accounts()?;
        let Some((coin, account)) = accounts.get(place.coin) else {
            return Err(RailError::Malformed("there is no such coin".to_owned()));
        };
        let listed = self.rpc.history(account, place.before.as_deref(), PAGE).await;
        let listed = listed.map_err(SolanaError::from)?;
        let is_new = |listed: &&Listed| listed.block_time.is_none_or(|time| time >= since.as_seconds());
        let (mut facts, mut last) = (Vec::new(), place.clone());
        for found in listed.iter().take_while(is_new) {
            let landed = self.rpc.landed(&found.signature).await.map_err(SolanaError::from)?;
            let missing = || RailError::Unavailable("it lists a transaction that it does not have now".to_owned());
            facts.extend(moved((coin, account), found, &landed.ok_or_else(missing)?));
            last.read = last.read.saturating_add(1);
            last.before = Some(found.signature.clone());
            last.at = found.block_time.unwrap_or(last.at);
        }
        let is_over = listed.len() < PAGE || last.read.saturating_sub(place.read) < listed.len();
        let is_cut = !is_over && last.read >= self.config.history_max;
        let next = Some(place.coin.saturating_add(1)).filter(|next| *next < accounts.len());
        let cursor = if is_over || is_cut {
            next.map(|next| HistoryPlace::list(next).cursor())
        } else {
            Some(last.cursor())
        };
        let cut = is_cut.then(|| FactCut {
            asset: coin.asset,
            since: Timestamp::from_seconds(last.at),
        });
        Ok(FactPage { facts, cursor, cut })
    }
}

/// What a transaction did to an account of the wallet, if anything.
fn moved((coin, account): (&Coin, &Address), listed: &Listed, landed: &Landed) -> Option<RailFact> {
    let change = landed.change(account, coin.mint.as_ref());
    let kind = match change {
        0 => return None,
        more if more > 0 => FactKind::Arrival,
        // It has moved nothing, and its fee was paid.
        _ if landed.error.is_some() => FactKind::Withdrawal,
        _ => FactKind::Departure,
    };
    let units = i64::try_from(change.unsigned_abs()).unwrap_or(i64::MAX);
    Some(RailFact {
        kind,
        reference: format!("{}/{}", landed.signature, coin.asset),
        about: landed.signature.clone(),
        time: Timestamp::from_seconds(listed.block_time.unwrap_or_default()),
        amount: Money::new(Amount::from_micros(units).unwrap_or(Amount::ZERO), coin.asset),
        extra: None,
        state: FACT_DONE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_lists_survives_as_text() {
        let places = [
            HistoryPlace::list(0),
            HistoryPlace {
                coin: 1,
                read: 50,
                before: Some("5Vx".to_owned()),
                at: 1_900_000_000,
            },
        ];
        for place in places {
            assert_eq!(place_of(&place.cursor()).unwrap().unwrap(), place);
        }
        assert!(place_of("payouts|x").is_none());
        assert!(place_of("history|a").unwrap().is_err());
    }
}
