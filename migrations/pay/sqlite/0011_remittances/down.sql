DROP TABLE remittance_legs;
DROP TABLE remittances_in;
DROP TABLE remittances_out;
DROP TABLE payee_homes;
