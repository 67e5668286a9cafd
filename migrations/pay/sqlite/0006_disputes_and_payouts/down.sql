DROP TABLE payout_parts;
DROP TABLE payouts;
DROP TABLE payees;
DROP TABLE disputes;
