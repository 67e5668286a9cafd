DROP INDEX gate_disputes_access;
