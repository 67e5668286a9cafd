//! What the owner of the account does without the API, and what only a test can do.

use serde_json::Value;

use super::{PeerRefused, StripePeer, form, state};

impl StripePeer {
    /// Something is done at Stripe's own pages by whoever owns the account, with the members that the API takes:
    /// `refunds` (`payment_intent`, `amount`), `payouts` (`amount`, `currency`).
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn dashboard(&self, resource: &str, members: &[(&str, &str)]) -> Result<String, PeerRefused> {
        let form = members
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        let params = form::Params(form.collect());
        let mut state = self.state();
        let made = match resource {
            "refunds" => state.refund_create(&params)?,
            _ => state.payout_create(&params, None)?,
        };
        Ok(state::text(&made, "id"))
    }

    /// Forgets an object, as if it had never been.
    pub fn forget(&self, id: &str) {
        self.state().objects.retain(|object| object["id"] != id);
    }

    /// Has an object from now on, as if it had always been there.
    pub fn remember(&self, object: Value) {
        self.state().objects.push(object);
    }
}
