//! Checkout sessions, and what comes of them: payments, charges, balance transactions.

use serde_json::{Value, json};

use super::error::ApiError;
use super::form::Params;
use super::state::{State, number, text};

/// The shortest and the longest life of a session, in seconds.
const LIFE_SECONDS: std::ops::RangeInclusive<i64> = 1_800..=86_400;
/// What a charge costs: 2.9 % and 30 of the smallest units.
const FEE_THOUSANDTHS: i64 = 29;
const FEE_FIXED: i64 = 30;
/// Less is refused.
const AMOUNT_LEAST: i64 = 50;

impl State {
    pub(super) fn session_create(&mut self, params: &Params) -> Result<Value, ApiError> {
        if params.text(&["mode"]).as_deref() != Some("payment") {
            return Err(ApiError::invalid("You must provide `mode`; this peer knows `payment`.").param("mode"));
        }
        let success_url = params
            .text(&["success_url"])
            .ok_or_else(|| ApiError::missing("success_url"))?;
        for (name, url) in [
            ("success_url", Some(success_url.clone())),
            ("cancel_url", params.text(&["cancel_url"])),
        ] {
            if url.is_some_and(|url| url::Url::parse(&url).is_err()) {
                return Err(ApiError::invalid("Not a valid URL").code("url_invalid").param(name));
            }
        }
        let (amount, currency, name) = line_items(params)?;
        let now = self.now();
        let expires_at = params.number(&["expires_at"]).unwrap_or(now + 86_400);
        if !LIFE_SECONDS.contains(&(expires_at - now)) {
            let message = "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout \
                           Session creation.";
            return Err(ApiError::invalid(message).param("expires_at"));
        }
        let id = self.id(if self.options.livemode() { "cs_live" } else { "cs_test" });
        let session = json!({
            "id": id, "object": "checkout.session", "amount_subtotal": amount, "amount_total": amount,
            "automatic_tax": {"enabled": false, "liability": null, "status": null},
            "cancel_url": params.text(&["cancel_url"]),
            "client_reference_id": params.text(&["client_reference_id"]), "created": now, "currency": currency,
            "custom_fields": [], "custom_text": {"submit": null}, "customer": null, "customer_details": null,
            "customer_email": params.text(&["customer_email"]), "expires_at": expires_at,
            "livemode": self.options.livemode(), "metadata": params.object(&["metadata"]), "mode": "payment",
            "payment_intent": null, "payment_method_types": ["card", "link"], "payment_status": "unpaid",
            "shipping_options": [], "status": "open", "success_url": success_url, "ui_mode": "hosted",
            "url": format!("{}/pay/{id}", self.options.base), "total_details": {"amount_discount": 0,
            "amount_shipping": 0, "amount_tax": 0},
            // Not Stripe's: what the payment is made with, and what the page shows.
            "_intent": params.object(&["payment_intent_data"]), "_title": name,
        });
        Ok(self.add(session))
    }

    pub(super) fn session_expire(&mut self, id: &str) -> Result<Value, ApiError> {
        let session = self.get("checkout.session", id)?;
        if session["status"] != "open" {
            let message = format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a \
                 status of {}.",
                text(&session, "status")
            );
            return Err(ApiError::invalid(message));
        }
        let session = self.change("checkout.session", id, |session| session["status"] = json!("expired"))?;
        self.tell("checkout.session.expired", &session);
        Ok(session)
    }

    /// A payment attempt of a session, with a charge that went through or not.
    pub(super) fn payment_make(&mut self, session: &str, succeeds: bool) -> Result<String, ApiError> {
        let session = self.get("checkout.session", session)?;
        if session["status"] != "open" || number(&session, "expires_at") <= self.now() {
            return Err(ApiError::invalid("This page can no longer be used to pay."));
        }
        let intent_id = self.id("pi");
        let charge = self.charge_make(&session, &intent_id, succeeds);
        let failure = json!({
            "type": "card_error", "code": "card_declined", "decline_code": "generic_decline",
            "message": "Your card was declined.", "charge": charge["id"],
        });
        let amount = number(&session, "amount_total");
        let intent = json!({
            "id": intent_id, "object": "payment_intent", "amount": amount, "amount_capturable": 0,
            "amount_received": if succeeds { amount } else { 0 }, "automatic_payment_methods": null,
            "capture_method": "automatic", "confirmation_method": "automatic", "created": self.now(),
            "currency": session["currency"], "customer": null, "latest_charge": charge["id"],
            "last_payment_error": if succeeds { Value::Null } else { failure },
            "livemode": session["livemode"], "metadata": metadata_of(&session["_intent"]),
            "payment_method": null, "payment_method_types": ["card", "link"],
            "status": if succeeds { "succeeded" } else { "requires_payment_method" },
        });
        self.add(intent.clone());
        if !succeeds {
            self.tell("charge.failed", &charge);
            self.tell("payment_intent.payment_failed", &intent);
            return Ok(intent_id);
        }
        let id = text(&session, "id");
        let session = self.change("checkout.session", &id, |session| {
            session["status"] = json!("complete");
            session["payment_status"] = json!("paid");
            session["payment_intent"] = json!(intent_id);
        })?;
        self.tell("charge.succeeded", &charge);
        self.tell("payment_intent.succeeded", &intent);
        self.tell("checkout.session.completed", &session);
        if !self.fees_later {
            self.tell("charge.updated", &charge);
        }
        Ok(intent_id)
    }

    fn charge_make(&mut self, session: &Value, intent: &str, succeeds: bool) -> Value {
        let (id, amount) = (self.id("ch"), number(session, "amount_total"));
        let known = succeeds && !self.fees_later;
        let balance = if known {
            self.charge_settle(&id, amount, session)
        } else {
            Value::Null
        };
        let charge = json!({
            "id": id, "object": "charge", "amount": amount, "amount_captured": if succeeds { amount } else { 0 },
            "amount_refunded": 0, "balance_transaction": balance, "billing_details": {"email": null, "name": null},
            "captured": succeeds, "created": self.now(), "currency": session["currency"], "disputed": false,
            "failure_code": if succeeds { Value::Null } else { json!("card_declined") },
            "livemode": session["livemode"], "metadata": metadata_of(&session["_intent"]), "paid": succeeds,
            "payment_intent": intent, "refunded": false, "status": if succeeds { "succeeded" } else { "failed" },
        });
        self.add(charge)
    }

    /// The balance transaction of a charge: what is left after the processor's fee.
    fn charge_settle(&mut self, charge: &str, amount: i64, of: &Value) -> Value {
        let (id, now) = (self.id("txn"), self.now());
        let fee = (amount * FEE_THOUSANDTHS + 500) / 1_000 + FEE_FIXED;
        let detail = json!({
            "amount": fee, "application": null, "currency": of["currency"], "description": "Stripe processing fees",
            "type": "stripe_fee",
        });
        self.add(json!({
            "id": id, "object": "balance_transaction", "amount": amount, "available_on": now + 172_800,
            "created": now, "currency": of["currency"], "exchange_rate": null, "fee": fee, "fee_details": [detail],
            "net": amount - fee, "reporting_category": "charge", "source": charge, "status": "pending",
            "type": "charge",
        }));
        json!(id)
    }

    /// The fee of a charge becomes known.
    pub(super) fn fee_settle(&mut self, intent: &str) -> Result<(), ApiError> {
        let charge = self.charge_of(intent)?;
        let id = text(&charge, "id");
        let balance = self.charge_settle(&id, number(&charge, "amount"), &charge);
        let charge = self.change("charge", &id, |charge| charge["balance_transaction"] = balance)?;
        self.tell("charge.updated", &charge);
        Ok(())
    }

    /// The charge of a payment.
    pub(super) fn charge_of(&self, intent: &str) -> Result<Value, ApiError> {
        let intent = self.get("payment_intent", intent)?;
        self.get("charge", &text(&intent, "latest_charge"))
    }
}

fn metadata_of(intent: &Value) -> Value {
    intent.get("metadata").cloned().unwrap_or_else(|| json!({}))
}

/// The sum, the currency and the title of what a session sells.
fn line_items(params: &Params) -> Result<(i64, String, String), ApiError> {
    let (mut total, mut currency, mut title) = (0_i64, String::new(), String::new());
    for index in params.names(&["line_items"]) {
        let item = Params(
            params
                .object(&["line_items", &index])
                .as_object()
                .cloned()
                .unwrap_or_default(),
        );
        let quantity = item.number(&["quantity"]).unwrap_or(1);
        let unit = item
            .number(&["price_data", "unit_amount"])
            .ok_or_else(|| ApiError::missing("line_items[0][price_data][unit_amount]"))?;
        let this = item
            .text(&["price_data", "currency"])
            .ok_or_else(|| ApiError::missing("line_items[0][price_data][currency]"))?;
        let name = item.text(&["price_data", "product_data", "name"]);
        title = name.ok_or_else(|| ApiError::missing("line_items[0][price_data][product_data][name]"))?;
        if this.len() != 3 || !this.bytes().all(|letter| letter.is_ascii_lowercase()) {
            let message = format!("Invalid currency: {this}. See https://stripe.com/docs/currencies");
            return Err(ApiError::invalid(message).param("line_items[0][price_data][currency]"));
        }
        total += unit * quantity;
        currency = this;
    }
    if currency.is_empty() {
        return Err(ApiError::missing("line_items"));
    }
    if total < AMOUNT_LEAST {
        let message = "The Checkout Session's total amount due must add up to at least $0.50 usd";
        return Err(ApiError::invalid(message).code("amount_too_small"));
    }
    Ok((total, currency, title))
}
