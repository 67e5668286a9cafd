use imajin_did::Did;
use imajin_fair::plan::{FeeRecipient, Plan};

use crate::{AccountKey, Movement, Purpose};

/// The DIDs behind the recipients of fees.
#[derive(Debug, Clone)]
pub struct Recipients {
    /// Who gets the network's fee.
    pub protocol: Did,
    /// The node that sold.
    pub node: Did,
    /// Who paid.
    pub payer: Did,
}

impl Recipients {
    /// Whose fee it is.
    pub const fn did(&self, recipient: FeeRecipient) -> &Did {
        match recipient {
            FeeRecipient::Protocol => &self.protocol,
            FeeRecipient::Node => &self.node,
            FeeRecipient::Buyer => &self.payer,
        }
    }
}

/// The movements of a plan, fees first, in the plan's order: what a settlement credits, line by line.
///
/// A leg whose payee has not accepted the manifest waits in the payee's pending account. The buyer's fee is a credit
/// that the buyer may spend; the others are fees earned.
pub fn credits(plan: &Plan, recipients: &Recipients) -> Vec<Movement> {
    let asset = plan.gross.asset;
    let fees = plan.fees.iter().map(|fee| {
        let purpose = match fee.recipient {
            FeeRecipient::Buyer => Purpose::Available,
            FeeRecipient::Protocol | FeeRecipient::Node => Purpose::Fees,
        };
        Movement::new(
            AccountKey::of(recipients.did(fee.recipient), asset, purpose),
            fee.amount.micros(),
        )
    });
    let legs = plan.legs.iter().map(|leg| {
        let purpose = if leg.held { Purpose::Pending } else { Purpose::Available };
        Movement::new(AccountKey::of(&leg.did, asset, purpose), leg.amount.micros())
    });
    fees.chain(legs).collect()
}
