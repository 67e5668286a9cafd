-- An entry of an index has 2.7 KB at most, and an address may be longer: it is named by its digest, behind what is
-- looked for. Nobody but the agent itself gains or loses by two addresses with one digest.
DROP INDEX gate_charges_retry;
CREATE UNIQUE INDEX gate_charges_retry ON gate_charges (agent, retry_key, md5(url)) WHERE retry_key IS NOT NULL;
