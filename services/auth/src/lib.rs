//! Identities, challenge login, sessions and mailbox proofs.
