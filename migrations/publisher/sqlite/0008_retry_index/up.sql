-- In the order of the other database, where an entry of an index has 2.7 KB at most, and an address is named by its
-- digest.
DROP INDEX gate_charges_retry;
CREATE UNIQUE INDEX gate_charges_retry ON gate_charges (agent, retry_key, url) WHERE retry_key IS NOT NULL;
