/// What sort of difference it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    PaymentUnknownHere,
    PaymentMissingAtRail,
    PaymentAmountDiffers,
    FeeDiffers,
    FeeNotNoted,
    FeeUnbooked,
    RefundUnknownHere,
    RefundMissingAtRail,
    RefundAmountDiffers,
    RefundFailed,
    DisputeUnknownHere,
    DisputeMissingAtRail,
    DisputeDiffers,
    TransferUnknownHere,
    TransferMissingAtRail,
    TransferDiffers,
    ArrivalUnknownHere,
    DepartureUnknownHere,
    HistoryCut,
    BalanceDiffers,
    PendingDiffers,
    AccruedDiffers,
    DebtOpen,
    FeeOverdue,
    CheckoutOverdue,
    MessageOverdue,
    RefundOverdue,
    RefundRefused,
    TransferOverdue,
    BrokerDiffers,
    PromiseOverdue,
    RemittanceOverdue,
    RemittanceUnconfirmed,
}

impl Kind {
    /// The text in the database and on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::PaymentUnknownHere => "payment_unknown_here",
            Self::PaymentMissingAtRail => "payment_missing_at_rail",
            Self::PaymentAmountDiffers => "payment_amount_differs",
            Self::FeeDiffers => "fee_differs",
            Self::FeeNotNoted => "fee_not_noted",
            Self::FeeUnbooked => "fee_unbooked",
            Self::RefundUnknownHere => "refund_unknown_here",
            Self::RefundMissingAtRail => "refund_missing_at_rail",
            Self::RefundAmountDiffers => "refund_amount_differs",
            Self::RefundFailed => "refund_failed",
            Self::DisputeUnknownHere => "dispute_unknown_here",
            Self::DisputeMissingAtRail => "dispute_missing_at_rail",
            Self::DisputeDiffers => "dispute_differs",
            Self::TransferUnknownHere => "transfer_unknown_here",
            Self::TransferMissingAtRail => "transfer_missing_at_rail",
            Self::TransferDiffers => "transfer_differs",
            Self::ArrivalUnknownHere => "arrival_unknown_here",
            Self::DepartureUnknownHere => "departure_unknown_here",
            Self::HistoryCut => "history_cut",
            Self::BalanceDiffers => "balance_differs",
            Self::PendingDiffers => "pending_differs",
            Self::AccruedDiffers => "accrued_differs",
            Self::DebtOpen => "debt_open",
            Self::FeeOverdue => "fee_overdue",
            Self::CheckoutOverdue => "checkout_overdue",
            Self::MessageOverdue => "message_overdue",
            Self::RefundOverdue => "refund_overdue",
            Self::RefundRefused => "refund_refused",
            Self::TransferOverdue => "transfer_overdue",
            Self::BrokerDiffers => "broker_differs",
            Self::PromiseOverdue => "promise_overdue",
            Self::RemittanceOverdue => "remittance_overdue",
            Self::RemittanceUnconfirmed => "remittance_unconfirmed",
        }
    }

    const ALL: [Self; 33] = [
        Self::PaymentUnknownHere,
        Self::PaymentMissingAtRail,
        Self::PaymentAmountDiffers,
        Self::FeeDiffers,
        Self::FeeNotNoted,
        Self::FeeUnbooked,
        Self::RefundUnknownHere,
        Self::RefundMissingAtRail,
        Self::RefundAmountDiffers,
        Self::RefundFailed,
        Self::DisputeUnknownHere,
        Self::DisputeMissingAtRail,
        Self::DisputeDiffers,
        Self::TransferUnknownHere,
        Self::TransferMissingAtRail,
        Self::TransferDiffers,
        Self::ArrivalUnknownHere,
        Self::DepartureUnknownHere,
        Self::HistoryCut,
        Self::BalanceDiffers,
        Self::PendingDiffers,
        Self::AccruedDiffers,
        Self::DebtOpen,
        Self::FeeOverdue,
        Self::CheckoutOverdue,
        Self::MessageOverdue,
        Self::RefundOverdue,
        Self::RefundRefused,
        Self::TransferOverdue,
        Self::BrokerDiffers,
        Self::PromiseOverdue,
        Self::RemittanceOverdue,
        Self::RemittanceUnconfirmed,
    ];

    /// What to do about a difference of the kind with this text.
    pub(crate) fn advice_of(text: &str) -> &'static str {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        kind.map_or("Look at it by hand.", Self::advice)
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::PaymentUnknownHere => {
                "Have the rail send its message about this payment again (at Stripe: Developers, Events, Resend). If \
                 it belongs to no order, refund it at the rail."
            }
            Self::PaymentMissingAtRail => {
                "Look the reference up at the rail. If the rail never had the money, the order was served without \
                 payment: check who could sign the rail's messages, and take the money back with a refund here."
            }
            Self::PaymentAmountDiffers => {
                "Compare the receipt with the payment at the rail; refund what is too much, or the whole order."
            }
            Self::FeeDiffers => {
                "The split was made with the fee that the rail named first. Book the difference in your own books; if \
                 it is large, ask the rail why it changed."
            }
            Self::FeeNotNoted => {
                "It is noted, and the split goes on, with the rail's next message; sending the message again at the \
                 rail does it at once."
            }
            Self::FeeUnbooked => "The rail keeps its fee of a payment that went back: book it as a cost of the node.",
            Self::RefundUnknownHere => {
                "Somebody refunded at the rail's own pages. Refund the order here too, to walk the split back."
            }
            Self::RefundMissingAtRail => {
                "The ledger says that the money went back. Look it up at the rail, and refund it there if it has not."
            }
            Self::RefundAmountDiffers => "Refund the rest at the rail, or ask the buyer what arrived.",
            Self::RefundFailed => {
                "The buyer's bank did not take the money. Ask the buyer for another way, and pay it by hand; at the \
                 rail it is in your balance again."
            }
            Self::DisputeUnknownHere => {
                "Have the rail send its message about the dispute again, and answer it before its time is over."
            }
            Self::DisputeMissingAtRail => "Look the dispute up at the rail; what was booked for it is in the ledger.",
            Self::DisputeDiffers => "Have the rail send its last message about the dispute again.",
            Self::TransferUnknownHere => {
                "The rail has sent money that no payout here asked for. Look at the payee's account, and reverse the \
                 transfer at the rail if it is one too many."
            }
            Self::TransferMissingAtRail => {
                "The payout counts as sent, and the rail does not have it. Ask the rail; the payee has not been paid."
            }
            Self::TransferDiffers => "Have the rail send its message about the transfer again.",
            Self::BalanceDiffers => {
                "First see to the other differences of this rail: they explain most of it. What is left was moved at \
                 the rail outside the node."
            }
            Self::PendingDiffers | Self::AccruedDiffers => {
                "Run `imajin verify`: rows and ledger are written together, so one was changed outside."
            }
            Self::DebtOpen => "It is paid from what comes in next for them; else agree on a payment, or write it off.",
            Self::FeeOverdue => {
                "The payees wait for the split. Ask the rail for the payment's balance transaction; look whether its \
                 messages arrive."
            }
            Self::CheckoutOverdue => {
                "See the message or delivery that it waits for, and whether the seller's service runs; it goes on by \
                 itself once that is there."
            }
            Self::MessageOverdue => "Press Retry on its page; the reason is shown there and in the log.",
            Self::TransferOverdue => "See whether the rail works: it is asked again and again until it answers.",
            other => other.advice_about_refunds(),
        }
    }

    /// What to do about a refund that a rail does not make.
    const fn advice_about_refunds(self) -> &'static str {
        match self {
            Self::RefundOverdue => {
                "The rail is asked again and again until it has sent it back. If it refuses, or its wallet or limit \
                 does not allow it, remove the cause, or send the money by hand and say so: imajin refund ID \
                 --by-hand REFERENCE."
            }
            Self::RefundRefused => {
                "Nothing went back, and the payees have their parts again. Remove the cause and refund the receipt \
                 again, or agree with the buyer on another way. It is shown for 30 days."
            }
            other => other.advice_about_nodes(),
        }
    }

    /// What to do about a difference with another node.
    const fn advice_about_nodes(self) -> &'static str {
        match self {
            Self::BrokerDiffers => {
                "First see to the other differences about other nodes. What is left, ask the broker about: its \
                 statement and the page Other nodes name every promise and every transfer."
            }
            Self::PromiseOverdue => {
                "The payees wait for it, and the broker is asked again and again. If it stays away, ask its operator; \
                 a broker that does not pay should be trusted no longer."
            }
            Self::RemittanceOverdue => {
                "It goes on by itself once the broker and the other node answer. If the other node is gone for good, \
                 ask the payees to name another home."
            }
            Self::RemittanceUnconfirmed => {
                "Nobody is credited before the broker confirms it. Ask the node that announced it whether it was sent."
            }
            other => other.advice_about_wallets(),
        }
    }

    /// What to do about money that moved in the node's own wallet without the node.
    const fn advice_about_wallets(self) -> &'static str {
        match self {
            Self::ArrivalUnknownHere => {
                "If you sent it for the wallet's fees, all is well. If a buyer did, without the reference of a \
                 checkout, look the transaction up and send it back by hand. It is shown for 30 days."
            }
            Self::DepartureUnknownHere => {
                "Only the wallet's key can sign that. If it was not you, somebody else has the key: set the payout \
                 limits to nothing, move what is left to a wallet with a new key, and find out how it got out. If it \
                 was you, book it in your own books. It is shown for 30 days."
            }
            Self::HistoryCut => {
                "What moved before that moment is not in the comparison, so the balance may differ by it: compare the \
                 wallet's older history by hand, once."
            }
            _ => "Look at it by hand.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_and_an_advice_of_its_own() {
        let mut names: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert_eq!(Kind::advice_of(kind.as_str()), kind.advice());
        }
    }
}
