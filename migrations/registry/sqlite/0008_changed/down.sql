DROP INDEX directory_entries_changed;
CREATE INDEX directory_entries_changed ON directory_entries (node_did) WHERE is_changed = 1;
