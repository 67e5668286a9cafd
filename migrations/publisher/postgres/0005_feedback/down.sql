DROP TABLE gate_feedback;
ALTER TABLE gate_claims DROP COLUMN broker;
