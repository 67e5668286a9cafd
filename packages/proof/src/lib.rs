//! Proofs that a DID made a statement: canonical JSON, signed messages, HTTP message signatures and typed tokens.
