DROP TABLE tickets;
DROP TABLE orders;
DROP TABLE acceptances;
DROP TABLE tiers;
DROP TABLE events;
