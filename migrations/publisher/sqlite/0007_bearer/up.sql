-- Whether the visa that has paid named neither the publisher nor a key. Other records, and those from before, do not
-- say it, and are hashed and sealed without.
ALTER TABLE gate_records ADD COLUMN visa_bearer INTEGER CHECK (visa_bearer IN (0, 1));
