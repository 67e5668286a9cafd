-- Events are found by their manifests, too.
CREATE INDEX events_manifest ON events (manifest_id);
