DROP INDEX gate_records_receipt;
DROP INDEX gate_charges_receipt;
DROP TABLE gate_disputes;
DROP TABLE gate_claims;
