DROP TABLE mirror_lies;
DROP TABLE mirror_heads;
DROP TABLE mirror_entries;
DROP TABLE mirrors;
