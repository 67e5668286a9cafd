//! The database boundary: one connection type for SQLite and Postgres, group commit, row seals, mutation log, outbox.
