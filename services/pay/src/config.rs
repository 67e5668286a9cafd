use imajin_did::Did;
use imajin_fair::plan::FeeSchedule;
use imajin_kernel::Span;

use crate::{BrokersConfig, RailsConfig};

/// How pay behaves. The defaults are what a node runs with.
#[derive(Debug, Clone)]
pub struct PayConfig {
    /// The name of the chains in the ledger and in the mutation log. Processes that share one database share them, and
    /// wait for each other.
    pub chain: String,
    /// How long a checkout can be paid.
    pub checkout_open: Span,
    /// How much longer than the seller's word a checkout may stay open: the seller extends its reservation by as much
    /// when the checkout starts.
    pub quote_extension: Span,
    /// What comes off each price before it is split, until the operator announces something else.
    pub fees: FeeSchedule,
    /// Who gets the protocol's fee; the node keeps it while nobody is named.
    pub protocol: Option<Did>,
    /// The rails.
    pub rails: RailsConfig,
    /// The brokers whose promises count.
    pub brokers: BrokersConfig,
    /// How often the background tasks look for what nobody woke them for.
    pub sweep_every: Span,
    /// What the payment page calls the node; its host name while empty.
    pub node_name: String,
    /// Where a test cuts the power.
    pub interrupt: Interrupt,
}

impl Default for PayConfig {
    fn default() -> Self {
        Self {
            chain: "pay".to_owned(),
            checkout_open: Span::minutes(30),
            quote_extension: Span::minutes(15),
            fees: FeeSchedule::none(),
            protocol: None,
            rails: RailsConfig::default(),
            brokers: BrokersConfig::default(),
            sweep_every: Span::seconds(1),
            node_name: String::new(),
            interrupt: Interrupt::default(),
        }
    }
}

/// The places between two durable steps of a payment, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The rail's message is stored, not acknowledged and not processed.
    MessageStored,
    /// The money is booked and the delivery is in the outbox.
    MessageProcessed,
    /// The delivery was taken from the outbox; the seller was not asked.
    DeliveryTaken,
    /// The seller has answered; nothing of it is booked here.
    DeliveryAnswered,
    /// The money is split, the receipt is there.
    Settled,
    /// The money is on its way back in the ledger; the rail was not asked.
    RefundBooked,
    /// The rail has answered; its reference is not noted.
    RefundAnswered,
    /// A broker has answered; nothing of it is booked.
    RedemptionAnswered,
    /// A broker has passed money on; nothing of it is booked.
    TransferAnswered,
}

impl Step {
    /// All steps of a payment through a rail.
    pub const ALL: [Self; 7] = [
        Self::MessageStored,
        Self::MessageProcessed,
        Self::DeliveryTaken,
        Self::DeliveryAnswered,
        Self::Settled,
        Self::RefundBooked,
        Self::RefundAnswered,
    ];
}

/// Cuts the power at a step of a payment.
pub type Interrupt = imajin_store::Interrupt<Step>;
