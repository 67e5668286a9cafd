DROP TABLE payee_addresses;
DROP TABLE solana_records;
DROP TABLE solana_wallets;
