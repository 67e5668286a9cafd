-- What a name looks like: `registry/src/names.rs` computes the same.
ALTER TABLE node_names ADD COLUMN skeleton TEXT NOT NULL GENERATED ALWAYS AS (
    replace(replace(replace(replace(replace(
    replace(replace(replace(replace(replace(name, '0', 'o'), '1', 'l'), 'i', 'l'), 'rn', 'm'), 'vv', 'w'),
    '--', '-'), '--', '-'), '--', '-'), '--', '-'), '--', '-')
) STORED;
CREATE INDEX node_names_skeleton ON node_names (skeleton);
