DROP TABLE handles;
