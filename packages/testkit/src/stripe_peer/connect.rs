//! Connect: accounts of payees, links to their onboarding, transfers to them, payouts.

use serde_json::{Value, json};

use super::error::ApiError;
use super::form::Params;
use super::state::{State, number, page};

impl State {
    pub(super) fn account_create(&mut self, params: &Params) -> Result<Value, ApiError> {
        let country = params.text(&["country"]).unwrap_or_else(|| "US".to_owned());
        if country.len() != 2 {
            return Err(ApiError::invalid(format!("Country '{country}' is unknown.")).param("country"));
        }
        let account = json!({
            "id": self.id("acct"), "object": "account", "business_type": null, "charges_enabled": false,
            "capabilities": {"transfers": "inactive"}, "controller": {"type": "application", "is_controller": true},
            "country": country, "created": self.now(), "default_currency": "usd", "details_submitted": false,
            "email": params.text(&["email"]), "metadata": params.object(&["metadata"]), "payouts_enabled": false,
            "requirements": {"currently_due": ["external_account"], "disabled_reason": "requirements.past_due"},
            "type": params.text(&["type"]).unwrap_or_else(|| "none".to_owned()),
        });
        Ok(self.add(account))
    }

    pub(super) fn account_link(&mut self, params: &Params) -> Result<Value, ApiError> {
        let account = params.text(&["account"]).ok_or_else(|| ApiError::missing("account"))?;
        self.get("account", &account)?;
        for name in ["refresh_url", "return_url"] {
            let url = params.text(&[name]).ok_or_else(|| ApiError::missing(name))?;
            if url::Url::parse(&url).is_err() {
                return Err(ApiError::invalid("Not a valid URL").code("url_invalid").param(name));
            }
        }
        let token = self.id("link");
        Ok(json!({
            "object": "account_link", "created": self.now(), "expires_at": self.now() + 300,
            "url": format!("{}/setup/{account}/{token}", self.options.base),
        }))
    }

    /// The payee fills in everything, or the processor closes the account to payouts again.
    pub(super) fn account_change(&mut self, id: &str, ready: bool) -> Result<(), ApiError> {
        let account = self.change("account", id, |account| {
            account["details_submitted"] = json!(true);
            account["payouts_enabled"] = json!(ready);
            account["capabilities"]["transfers"] = json!(if ready { "active" } else { "inactive" });
            account["requirements"] = json!({"currently_due": [], "disabled_reason": null});
        })?;
        self.tell_of("account.updated", &account, Some(id));
        Ok(())
    }

    /// A payout that the processor has made by itself comes back.
    pub(super) fn bank_refuses(&mut self, account: &str, amount: i64) {
        let payout = json!({
            "id": self.id("po"), "object": "payout", "amount": amount, "arrival_date": self.now(), "automatic": true,
            "created": self.now(), "currency": "usd", "failure_code": "account_closed", "metadata": {},
            "status": "failed", "type": "bank_account",
        });
        self.tell_of("payout.failed", &payout, Some(account));
    }

    pub(super) fn transfer_create(&mut self, params: &Params) -> Result<Value, ApiError> {
        let amount = params.number(&["amount"]).ok_or_else(|| ApiError::missing("amount"))?;
        let currency = params
            .text(&["currency"])
            .ok_or_else(|| ApiError::missing("currency"))?;
        let destination = params
            .text(&["destination"])
            .ok_or_else(|| ApiError::missing("destination"))?;
        if amount < 1 {
            return Err(ApiError::invalid("Invalid positive integer").param("amount"));
        }
        let account = self.get("account", &destination)?;
        if account["capabilities"]["transfers"] != "active" {
            let message = "Your destination account needs to have at least one of the following capabilities enabled: \
                           transfers, crypto_transfers, legacy_payments";
            return Err(ApiError::invalid(message).code("insufficient_capabilities_for_transfer"));
        }
        let source = params.text(&["source_transaction"]);
        let Some(charge) = source.as_deref() else {
            // Money of charges is not available at once, and nobody has paid anything in.
            let message = "You have insufficient available funds in your Stripe account.";
            return Err(ApiError::invalid(message).code("balance_insufficient"));
        };
        self.source_check(charge, amount, &currency)?;
        let id = self.id("tr");
        let transfer = json!({
            "id": id, "object": "transfer", "amount": amount, "amount_reversed": 0,
            "balance_transaction": self.id("txn"),
            "created": self.now(), "currency": currency, "destination": destination,
            "description": params.text(&["description"]),
            "destination_payment": self.id("py"), "livemode": self.options.livemode(),
            "metadata": params.object(&["metadata"]),
            "reversals": page(&format!("/v1/transfers/{id}/reversals"), &[]), "reversed": false,
            "source_transaction": source, "transfer_group": params.text(&["transfer_group"]),
        });
        self.add(transfer.clone());
        self.tell("transfer.created", &transfer);
        Ok(transfer)
    }

    /// All transfers out of one charge are at most the charge.
    fn source_check(&self, charge: &str, amount: i64, currency: &str) -> Result<(), ApiError> {
        let charge = self.get("charge", charge)?;
        if charge["currency"] != currency {
            let message = "The currency of source_transaction's balance transaction must be the same as the transfer \
                           currency.";
            return Err(ApiError::invalid(message));
        }
        let sent: i64 = self
            .list("transfer")
            .filter(|transfer| transfer["source_transaction"] == charge["id"])
            .map(|transfer| number(transfer, "amount") - number(transfer, "amount_reversed"))
            .sum();
        let left = number(&charge, "amount_captured") - number(&charge, "amount_refunded") - sent;
        if amount > left {
            let message =
                format!("The transfers using this transaction as a source must not exceed the source amount of {left}");
            return Err(ApiError::invalid(message).code("transfer_source_balance_parameters_mismatch"));
        }
        Ok(())
    }

    pub(super) fn transfer_reverse(&mut self, id: &str, params: &Params) -> Result<Value, ApiError> {
        let transfer = self.get("transfer", id)?;
        let left = number(&transfer, "amount") - number(&transfer, "amount_reversed");
        let amount = params.number(&["amount"]).unwrap_or(left);
        if !(1..=left).contains(&amount) {
            let message = format!("The maximum amount that can be reversed is {left}.");
            return Err(ApiError::invalid(message).param("amount"));
        }
        let reversal = json!({
            "id": self.id("trr"), "object": "transfer_reversal", "amount": amount,
            "balance_transaction": self.id("txn"),
            "created": self.now(), "currency": transfer["currency"], "destination_payment_refund": null,
            "metadata": params.object(&["metadata"]), "source_refund": null, "transfer": id,
        });
        self.add(reversal.clone());
        let transfer = self.change("transfer", id, |transfer| {
            transfer["amount_reversed"] = json!(number(transfer, "amount_reversed") + amount);
            transfer["reversed"] = json!(amount == left);
            if let Some(data) = transfer["reversals"]["data"].as_array_mut() {
                data.insert(0, reversal.clone());
            }
        })?;
        self.tell("transfer.reversed", &transfer);
        Ok(reversal)
    }

    pub(super) fn payout_create(&mut self, params: &Params, account: Option<&str>) -> Result<Value, ApiError> {
        let amount = params.number(&["amount"]).ok_or_else(|| ApiError::missing("amount"))?;
        let currency = params
            .text(&["currency"])
            .ok_or_else(|| ApiError::missing("currency"))?;
        let payout = json!({
            "id": self.id("po"), "object": "payout", "amount": amount, "arrival_date": self.now() + 172_800,
            "automatic": false, "created": self.now(), "currency": currency, "livemode": self.options.livemode(),
            "metadata": params.object(&["metadata"]), "method": "standard", "reconciliation_status": "not_applicable",
            "source_type": "card", "status": "pending", "type": "bank_account",
        });
        self.add(payout.clone());
        self.tell_of("payout.created", &payout, account);
        Ok(payout)
    }

    /// The bank does not take a payout.
    pub(super) fn payout_fail(&mut self, id: &str, account: Option<&str>) -> Result<(), ApiError> {
        let payout = self.change("payout", id, |payout| {
            payout["status"] = json!("failed");
            payout["failure_code"] = json!("account_closed");
        })?;
        self.tell_of("payout.failed", &payout, account);
        Ok(())
    }
}
