//! What the other services may ask of auth.
