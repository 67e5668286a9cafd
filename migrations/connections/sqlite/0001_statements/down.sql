DROP TABLE invites;
DROP TABLE audiences;
DROP TABLE blocks;
DROP TABLE sequences;
DROP TABLE ties;
DROP TABLE statements;
