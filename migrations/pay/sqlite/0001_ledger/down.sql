DROP TABLE ledger_checkpoints;
DROP TABLE ledger_heads;
DROP TABLE ledger_holds;
DROP TABLE ledger_lines;
DROP TABLE ledger_entries;
DROP TABLE ledger_accounts;
