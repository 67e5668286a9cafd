DROP TABLE node_status_changes;
DROP TABLE node_liveness;
DROP TABLE node_names;
DROP TABLE nodes;
