//! Decentralised identifiers, keys, DID documents and the resolver trait.
