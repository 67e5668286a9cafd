DROP TABLE contract_flows;
DROP TABLE contracts;
