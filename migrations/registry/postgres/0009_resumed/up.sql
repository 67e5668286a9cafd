-- After a registry's database was restored from a backup its log comes back from a copy, with entries and names of
-- nodes that it does not know any more: they refer to no node.
ALTER TABLE directory_entries DROP CONSTRAINT directory_entries_node_did_fkey;
ALTER TABLE node_names DROP CONSTRAINT node_names_node_did_fkey;

-- The newest head of this registry that a copy has shown and that the log does not have.
CREATE TABLE directory_shown (
    seq BIGINT NOT NULL PRIMARY KEY,
    head TEXT NOT NULL,
    source TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL
);
