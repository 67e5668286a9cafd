DROP TABLE directory_heads;
DROP TABLE directory_buckets;
DROP TABLE directory_entries;
