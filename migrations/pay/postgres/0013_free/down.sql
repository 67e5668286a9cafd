DROP INDEX checkouts_free;
