DROP INDEX events_manifest;
