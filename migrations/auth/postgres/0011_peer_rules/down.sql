DROP TABLE peer_rules;
