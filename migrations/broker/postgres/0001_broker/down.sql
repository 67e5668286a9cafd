DROP TABLE signing_keys;
DROP TABLE publishers;
DROP TABLE transfers;
DROP TABLE redemptions;
DROP TABLE visas;
DROP TABLE deposits;
DROP TABLE accounts;
