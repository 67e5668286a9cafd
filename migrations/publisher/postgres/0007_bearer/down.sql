ALTER TABLE gate_records DROP COLUMN visa_bearer;
