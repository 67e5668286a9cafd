DROP TABLE rail_payments;
