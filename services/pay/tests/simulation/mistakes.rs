//! Faults that only these tests have: with each of them a simulation must fail.

/// What is done wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// The processor does again what it is asked for again.
    BankForgetsKeys,
    /// The seller hands the goods over again when it is asked again.
    SellerIssuesTwice,
    /// The seller says that goods are delivered which are not.
    SellerForgets,
    /// A power cut takes half of the log with it, although it was acknowledged.
    DiskLies,
    /// The broker passes on again what it is asked for again.
    BrokerForgets,
    /// Nobody drives what is under way any more.
    WorkerSleeps,
}
