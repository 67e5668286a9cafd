DROP INDEX rail_messages_refund;
DROP INDEX rail_messages_reference;
DROP TABLE reversals;
DROP TABLE refunds;
