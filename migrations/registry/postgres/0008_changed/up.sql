-- The condition is the column itself: a query that says no more than that finds the index.
DROP INDEX directory_entries_changed;
CREATE INDEX directory_entries_changed ON directory_entries (node_did) WHERE is_changed;
