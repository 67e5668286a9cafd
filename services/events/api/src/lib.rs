//! What the other services may ask of events.
