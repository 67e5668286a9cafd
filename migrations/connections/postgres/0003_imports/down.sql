DROP INDEX statements_brought;
ALTER TABLE statements DROP COLUMN brought_by;
