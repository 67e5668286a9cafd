DROP TABLE sales_totals;
DROP TABLE receipt_parties;
DROP TABLE receipts;
DROP TABLE rail_messages;
DROP TABLE splits;
DROP TABLE checkouts;
