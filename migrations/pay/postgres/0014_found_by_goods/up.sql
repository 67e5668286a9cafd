-- What somebody has paid for certain goods, in whatever state it is: each question that is paid is looked for so.
CREATE INDEX checkouts_of_goods ON checkouts (goods_kind, goods_id, owner_did);
