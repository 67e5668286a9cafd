DROP INDEX documents_removed;
