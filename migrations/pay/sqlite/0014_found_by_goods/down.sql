DROP INDEX checkouts_of_goods;
