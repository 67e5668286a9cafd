-- Whose a node is, as it says itself: its attestation says the same.
ALTER TABLE nodes ADD COLUMN node_type TEXT;
