-- Whether an agent objects to an access is asked before it is handed over once more.
CREATE INDEX gate_disputes_access ON gate_disputes (access_id);
