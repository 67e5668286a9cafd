-- What an account may do at most, where the operator has said so. The day and what has left in it count only while
-- there is a limit per day.
ALTER TABLE ledger_accounts ADD COLUMN limited_at BIGINT;
ALTER TABLE ledger_accounts ADD COLUMN balance_min BIGINT;
ALTER TABLE ledger_accounts ADD COLUMN balance_max BIGINT;
ALTER TABLE ledger_accounts ADD COLUMN entry_max BIGINT;
ALTER TABLE ledger_accounts ADD COLUMN day_max BIGINT;
ALTER TABLE ledger_accounts ADD COLUMN day BIGINT;
ALTER TABLE ledger_accounts ADD COLUMN day_out BIGINT;
CREATE INDEX ledger_accounts_limited ON ledger_accounts (id) WHERE limited_at IS NOT NULL;
