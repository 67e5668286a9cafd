DROP INDEX gate_charges_retry;
CREATE UNIQUE INDEX gate_charges_retry ON gate_charges (agent, url, retry_key) WHERE retry_key IS NOT NULL;
