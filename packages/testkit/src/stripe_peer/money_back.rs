//! Refunds and disputes.

use serde_json::{Value, json};

use super::error::ApiError;
use super::form::Params;
use super::state::{State, number, text};

/// What a dispute costs besides the money.
const DISPUTE_FEE: i64 = 1_500;

impl State {
    pub(super) fn refund_create(&mut self, params: &Params) -> Result<Value, ApiError> {
        let charge = match (params.text(&["payment_intent"]), params.text(&["charge"])) {
            (Some(intent), _) => self.charge_of(&intent)?,
            (None, Some(charge)) => self.get("charge", &charge)?,
            (None, None) => {
                let message = "One of the following params should be provided for this request: payment_intent or \
                               charge.";
                return Err(ApiError::invalid(message));
            }
        };
        let id = text(&charge, "id");
        let left = number(&charge, "amount_captured") - number(&charge, "amount_refunded");
        let amount = params.number(&["amount"]).unwrap_or(left);
        if left == 0 {
            let message = format!("Charge {id} has already been refunded.");
            return Err(ApiError::invalid(message).code("charge_already_refunded"));
        }
        if charge["disputed"] == true {
            let message = format!("Charge {id} has been charged back; cannot issue a refund.");
            return Err(ApiError::invalid(message).code("charge_disputed"));
        }
        if !(1..=left).contains(&amount) {
            let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
            return Err(ApiError::invalid(message).param("amount"));
        }
        let refund = json!({
            "id": self.id("re"), "object": "refund", "amount": amount, "balance_transaction": null, "charge": id,
            "created": self.now(), "currency": charge["currency"], "metadata": params.object(&["metadata"]),
            "payment_intent": charge["payment_intent"], "reason": params.text(&["reason"]), "receipt_number": null,
            "status": "succeeded",
        });
        self.add(refund.clone());
        let charge = self.change("charge", &id, |charge| {
            charge["amount_refunded"] = json!(number(charge, "amount_refunded") + amount);
            charge["refunded"] = json!(amount == left);
        })?;
        self.tell("refund.created", &refund);
        self.tell("charge.refunded", &charge);
        Ok(refund)
    }

    /// The bank does not take a refund.
    pub(super) fn refund_fail(&mut self, id: &str) -> Result<(), ApiError> {
        let refund = self.change("refund", id, |refund| {
            refund["status"] = json!("failed");
            refund["failure_reason"] = json!("lost_or_stolen_card");
        })?;
        self.tell("refund.updated", &refund);
        self.tell("refund.failed", &refund);
        Ok(())
    }

    /// A refund that was under way is called off.
    pub(super) fn refund_cancel(&mut self, id: &str) -> Result<(), ApiError> {
        let refund = self.change("refund", id, |refund| refund["status"] = json!("canceled"))?;
        self.tell("charge.refund.updated", &refund);
        self.tell("refund.updated", &refund);
        Ok(())
    }

    pub(super) fn dispute_open(&mut self, intent: &str, amount: i64) -> Result<String, ApiError> {
        let charge = self.charge_of(intent)?;
        let charge_id = text(&charge, "id");
        let id = self.id("dp");
        let moved = self.dispute_money(&id, &charge, -amount, DISPUTE_FEE);
        let dispute = json!({
            "id": id, "object": "dispute", "amount": amount, "balance_transactions": [moved], "charge": charge_id,
            "created": self.now(), "currency": charge["currency"], "enhanced_eligibility_types": [], "evidence": {},
            "evidence_details": {"due_by": self.now() + 604_800, "has_evidence": false, "past_due": false,
            "submission_count": 0},
            "is_charge_refundable": false, "livemode": charge["livemode"], "metadata": {},
            "payment_intent": intent, "reason": "fraudulent", "status": "needs_response",
        });
        self.add(dispute.clone());
        self.change("charge", &charge_id, |charge| charge["disputed"] = json!(true))?;
        self.tell("charge.dispute.created", &dispute);
        self.tell("charge.dispute.funds_withdrawn", &dispute);
        Ok(id)
    }

    pub(super) fn dispute_close(&mut self, id: &str, won: bool) -> Result<(), ApiError> {
        let dispute = self.get("dispute", id)?;
        let charge = self.get("charge", &text(&dispute, "charge"))?;
        let back = won.then(|| self.dispute_money(id, &charge, number(&dispute, "amount"), -DISPUTE_FEE));
        let dispute = self.change("dispute", id, |dispute| {
            dispute["status"] = json!(if won { "won" } else { "lost" });
            if let (Some(back), Some(moves)) = (back, dispute["balance_transactions"].as_array_mut()) {
                moves.push(back);
            }
        })?;
        if won {
            self.tell("charge.dispute.funds_reinstated", &dispute);
        }
        self.tell("charge.dispute.closed", &dispute);
        Ok(())
    }

    /// What a dispute moves: the money and the fee, out of the balance or back.
    fn dispute_money(&mut self, dispute: &str, charge: &Value, amount: i64, fee: i64) -> Value {
        let (id, now) = (self.id("txn"), self.now());
        self.add(json!({
            "id": id, "object": "balance_transaction", "amount": amount, "available_on": now, "created": now,
            "currency": charge["currency"], "exchange_rate": null, "fee": fee, "fee_details": [], "net": amount - fee,
            "reporting_category": if amount < 0 { "dispute" } else { "dispute_reversal" }, "source": dispute,
            "status": "available", "type": "adjustment",
        }))
    }
}
