use imajin_did::Did;
use imajin_fair::distribution::{Distribution, Outcome};
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

/// The movements of a plan, fees first, then the parts that its legs were distributed in: what a settlement credits,
/// line by line.
///
/// A leg whose payee has not accepted the manifest waits in the payee's pending account, and a part below the minimum
/// of a contract in its recipient's accrued one. The buyer's fee is a credit that the buyer may spend; the others are
/// fees earned.
pub fn credits(plan: &Plan, distribution: &Distribution, recipients: &Recipients) -> Vec<Movement> {
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
    let parts = distribution.parts.iter().map(|part| {
        let purpose = match part.outcome {
            Outcome::Paid => Purpose::Available,
            Outcome::Accrued => Purpose::Accrued,
            Outcome::Held => Purpose::Pending,
        };
        Movement::new(AccountKey::of(&part.to, asset, purpose), part.amount.micros())
    });
    fees.chain(parts).collect()
}
