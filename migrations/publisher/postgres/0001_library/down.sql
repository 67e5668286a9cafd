DROP TABLE statements;
DROP TABLE manifests;
