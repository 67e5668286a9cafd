ALTER TABLE nodes DROP COLUMN node_type;
