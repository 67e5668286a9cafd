DROP TABLE identity_claims;
