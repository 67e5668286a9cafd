-- What somebody has got for nothing is got once.
CREATE UNIQUE INDEX checkouts_free ON checkouts (goods_kind, goods_id, owner_did)
    WHERE rail = 'free' AND state IN ('paid', 'settled');
