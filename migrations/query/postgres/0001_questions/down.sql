DROP TABLE questions;
DROP TABLE quotes;
DROP TABLE documents;
DROP TABLE leaders;
