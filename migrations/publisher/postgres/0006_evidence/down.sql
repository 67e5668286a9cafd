DROP TABLE gate_heads;
ALTER TABLE gate_records DROP COLUMN visa_id;
ALTER TABLE gate_records DROP COLUMN visa_broker;
ALTER TABLE gate_records DROP COLUMN binding;
ALTER TABLE gate_records DROP COLUMN version;
