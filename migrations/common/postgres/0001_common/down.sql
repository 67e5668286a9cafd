DROP TABLE idempotency;
DROP TABLE outbox;
DROP TABLE nonces;
DROP TABLE mutation_checkpoints;
DROP TABLE mutation_heads;
DROP TABLE mutation_log;
