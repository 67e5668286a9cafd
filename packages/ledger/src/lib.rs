//! The double-entry ledger: settlement planner, balanced entries, holds, hash chain.
