//! Faults that only these tests have: with each of them a simulation must fail.

/// What is done wrong on purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mistakes {
    /// The processor does again what it is asked for again.
    pub(crate) bank_forgets_keys: bool,
    /// The seller hands the goods over again when it is asked again.
    pub(crate) seller_issues_twice: bool,
    /// The seller says that goods are delivered which are not.
    pub(crate) seller_forgets: bool,
    /// A power cut takes the last commit with it, although it was acknowledged.
    pub(crate) disk_lies: bool,
    /// Nobody drives what is under way any more.
    pub(crate) worker_sleeps: bool,
}
