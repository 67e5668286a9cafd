//! The directory of nodes: registration, heartbeats, computed statuses.
