DROP INDEX visas_redeemable;
