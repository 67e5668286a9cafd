DROP TABLE pod_members;
DROP TABLE pods;
