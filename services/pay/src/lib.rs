//! Checkout, ledger, settlement and receipts.
