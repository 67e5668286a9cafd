DROP TABLE readings;
DROP TABLE records;
DROP TABLE uses;
DROP TABLE profiles;
