ALTER TABLE visas DROP COLUMN reversed_micros;
DROP INDEX redemptions_claim;
DROP TABLE disputes;
