-- Fails while there are entries or names of nodes that are not registered: the directory would not be what was signed.
DROP TABLE directory_shown;
ALTER TABLE node_names
    ADD CONSTRAINT node_names_node_did_fkey FOREIGN KEY (node_did) REFERENCES nodes (node_did);
ALTER TABLE directory_entries
    ADD CONSTRAINT directory_entries_node_did_fkey FOREIGN KEY (node_did) REFERENCES nodes (node_did);
