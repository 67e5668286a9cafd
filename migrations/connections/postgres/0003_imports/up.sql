-- Who has brought a statement from another node, of which it is counted.
ALTER TABLE statements ADD COLUMN brought_by TEXT;
CREATE INDEX statements_brought ON statements (brought_by, created_at);
