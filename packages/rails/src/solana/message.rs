//! What a sighting means to the node.

use imajin_money::{Amount, Money};

use super::{Address, Coin, Finding, Network, Sighting, Watch};
use crate::{RailDirect, RailEvent, RailOutcome};

/// The events of a sighting: what the node received for the checkout, in each coin that it can book; and an attempt
/// that failed; with each what the payees received themselves. Tokens that it cannot book, and money whose checkout
/// is not certain, are in the watch and are shown.
pub(crate) fn events(
    network: &Network,
    node: &Address,
    watch: &Watch,
    sighting: &Sighting,
) -> Vec<(RailEvent, Vec<RailDirect>)> {
    let payment = &watch.payment;
    let event = |outcome, amount: Money| RailEvent {
        // One transaction may have something for several checkouts.
        id: format!("{}/{}/{}", payment.checkout, amount.asset, sighting.signature),
        checkout: Some(payment.checkout),
        outcome,
        amount,
        reference: sighting.signature.clone(),
        time: sighting.time,
    };
    match &sighting.finding {
        Finding::Failed { .. } => vec![(
            event(RailOutcome::Failed, Money::new(payment.gross, payment.coin.asset)),
            Vec::new(),
        )],
        Finding::Ambiguous | Finding::Stray => Vec::new(),
        // All of it was paid, to whomever: the payees' shares are at the payees.
        Finding::Exact { split: true } => vec![(
            event(RailOutcome::Paid, Money::new(payment.gross, payment.coin.asset)),
            payment.direct.clone(),
        )],
        Finding::Exact { split: false } | Finding::WrongAmount | Finding::WrongToken => coins(network)
            .filter_map(|coin| Some((coin, received(node, &coin, sighting)?)))
            .map(|(coin, amount)| (event(RailOutcome::Paid, Money::new(amount, coin.asset)), Vec::new()))
            .collect(),
    }
}

fn coins(network: &Network) -> impl Iterator<Item = Coin> {
    let tokens = network.tokens().into_iter();
    tokens.filter_map(|token| network.coin(token.settles_as?).ok())
}

/// What the node received of a coin.
fn received(node: &Address, coin: &Coin, sighting: &Sighting) -> Option<Amount> {
    let moves = sighting.received.iter();
    let units = moves
        .filter(|moved| moved.owner == *node && moved.mint == coin.mint)
        .map(|moved| Amount::from_micros(i64::try_from(moved.units).unwrap_or(i64::MAX)).unwrap_or_default());
    Amount::sum(units).ok().filter(|amount| !amount.is_zero())
}
