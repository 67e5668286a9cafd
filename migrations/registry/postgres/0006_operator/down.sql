DROP TABLE release_builds;
DROP TABLE releases;
DROP TABLE release_keys;
DROP TABLE build_rules;
