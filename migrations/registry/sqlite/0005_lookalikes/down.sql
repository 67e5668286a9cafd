DROP INDEX node_names_skeleton;
ALTER TABLE node_names DROP COLUMN skeleton;
