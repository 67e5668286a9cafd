DROP INDEX records_age;
DROP INDEX uses_age;
DROP INDEX quotes_age;
