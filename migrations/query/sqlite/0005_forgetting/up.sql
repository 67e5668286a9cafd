-- What was removed is found by its age, to be forgotten in time.
CREATE INDEX documents_removed ON documents (deleted_at);
