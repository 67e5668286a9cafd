-- When a session was used last, to the quarter of an hour: enough to recognise one that is not yours.
ALTER TABLE sessions ADD COLUMN seen_at INTEGER;
