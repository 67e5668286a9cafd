DROP TABLE work_accesses;
DROP TABLE work_versions;
DROP TABLE works;
