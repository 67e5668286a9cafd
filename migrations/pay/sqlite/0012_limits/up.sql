-- What an account may do at most, where the operator has said so. The day and what has left in it count only while
-- there is a limit per day.
ALTER TABLE ledger_accounts ADD COLUMN limited_at INTEGER;
ALTER TABLE ledger_accounts ADD COLUMN balance_min INTEGER;
ALTER TABLE ledger_accounts ADD COLUMN balance_max INTEGER;
ALTER TABLE ledger_accounts ADD COLUMN entry_max INTEGER;
ALTER TABLE ledger_accounts ADD COLUMN day_max INTEGER;
ALTER TABLE ledger_accounts ADD COLUMN day INTEGER;
ALTER TABLE ledger_accounts ADD COLUMN day_out INTEGER;
CREATE INDEX ledger_accounts_limited ON ledger_accounts (id) WHERE limited_at IS NOT NULL;
