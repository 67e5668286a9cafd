//! What the other services may ask of the registry.
