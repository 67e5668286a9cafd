-- What can still be redeemed, by its agent: counted before each new visa, among all that have ended.
CREATE INDEX visas_redeemable ON visas (agent_did)
    WHERE closed_at IS NULL AND redeemed_uses < uses AND redeemed_micros < max_micros;
