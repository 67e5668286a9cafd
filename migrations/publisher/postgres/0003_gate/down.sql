DROP TABLE gate_records;
DROP TABLE gate_chains;
DROP TABLE gate_charges;
