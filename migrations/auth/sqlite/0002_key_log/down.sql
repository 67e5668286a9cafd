DROP TABLE device_requests;
DROP TABLE devices;
DROP TABLE mirrored_logs;
DROP TABLE key_log_receipts;
DROP TABLE key_log_entries;
ALTER TABLE sessions DROP COLUMN opened_by;
ALTER TABLE identities DROP COLUMN key_state;
