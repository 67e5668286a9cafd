DROP INDEX ledger_accounts_limited;
ALTER TABLE ledger_accounts DROP COLUMN day_out;
ALTER TABLE ledger_accounts DROP COLUMN day;
ALTER TABLE ledger_accounts DROP COLUMN day_max;
ALTER TABLE ledger_accounts DROP COLUMN entry_max;
ALTER TABLE ledger_accounts DROP COLUMN balance_max;
ALTER TABLE ledger_accounts DROP COLUMN balance_min;
ALTER TABLE ledger_accounts DROP COLUMN limited_at;
