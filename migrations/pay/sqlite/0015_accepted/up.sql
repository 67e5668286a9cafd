-- Payments that a broker has accepted and not paid: each payout asks for the shares in them.
CREATE INDEX visa_captures_accepted ON visa_captures (checkout_id) WHERE state = 'accepted';
