-- What is forgotten in time is found by its age.
CREATE INDEX quotes_age ON quotes (created_at);
CREATE INDEX uses_age ON uses (created_at);
CREATE INDEX records_age ON records (created_at);
