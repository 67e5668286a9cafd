//! Events, tiers, holds and tickets.
