DROP TABLE fee_schedules;
DROP TABLE ledger_trees;
DROP TABLE held_shares;
