//! Settlements: quotes that are paid out of balances, each split at once and with a receipt.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use imajin_did::{Did, SecretKey};
use imajin_kernel::Env;
use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::{Caller, Measured, callers_make, paced, run};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// What each person has.
const FUNDS: &str = "500.00";
/// What each settlement is about.
const TIP: &str = "0.05";

/// People with money, and the quotes that they have asked for.
pub(crate) struct Payers {
    people: Vec<Arc<Caller>>,
    payee: Did,
    quotes: Mutex<VecDeque<(usize, String)>>,
}

impl Payers {
    /// Registers people and has each of them pay test money in.
    pub(crate) async fn new(url: &str, count: usize) -> Result<Arc<Self>, Failed> {
        let mut people = Vec::with_capacity(count);
        for person in callers_make(url, &Value::Null, count)? {
            person.register().await?;
            let token = person.login().await?;
            let body = json!({"amount": {"amount": FUNDS, "currency": "TEST-USD"}});
            let key = Some("topup");
            let opened = person.signed_as(Method::POST, "/pay/api/topup", &body, key).await?;
            let opened: Value = opened.error_for_status()?.json().await?;
            if !person.pay(opened["id"].as_str().unwrap_or_default(), &token).await? {
                return Err("nobody has money".into());
            }
            people.push(Arc::new(person));
        }
        Ok(Arc::new(Self {
            people,
            payee: SecretKey::generate(&Env::system()).did(),
            quotes: Mutex::default(),
        }))
    }

    /// Asks for so many quotes.
    pub(crate) async fn quote(self: &Arc<Self>, callers: usize, requests: usize) -> Result<Measured, Failed> {
        let payers = Arc::clone(self);
        let asked = run(callers, requests, move |number| {
            let payers = Arc::clone(&payers);
            async move { payers.quote_one(number % payers.people.len()).await }
        });
        asked.await.map_err(|error| error.to_string().into())
    }

    async fn quote_one(&self, person: usize) -> Result<bool, Failed> {
        let body = json!({
            "goods": {"type": "tip", "id": self.payee}, "amount": {"amount": TIP, "currency": "TEST-USD"},
        });
        let answer = self.people[person]
            .signed(Method::POST, "/pay/api/quote", &body)
            .await?;
        if !answer.status().is_success() {
            return Ok(false);
        }
        let quote: Value = answer.json().await?;
        let id = quote["id"].as_str().unwrap_or_default().to_owned();
        let mut quotes = self.quotes.lock().map_err(|_poisoned| "a caller has ended")?;
        quotes.push_back((person, id));
        Ok(true)
    }

    async fn settle_one(&self) -> Result<bool, Failed> {
        let next = self
            .quotes
            .lock()
            .map_err(|_poisoned| "a caller has ended")?
            .pop_front();
        let Some((person, quote)) = next else { return Ok(false) };
        let body = json!({"quoteId": quote, "means": "balance"});
        let answer = self.people[person].signed_as(Method::POST, "/pay/api/settle", &body, Some(&quote));
        let settled: Value = answer.await?.json().await?;
        // The worker may be quicker than the request: then it is settled in a moment.
        Ok(matches!(settled["state"].as_str(), Some("settled" | "paid")))
    }

    /// Pays what was quoted, as fast as so many callers can.
    pub(crate) async fn settle(self: &Arc<Self>, callers: usize, requests: usize) -> Result<Measured, Failed> {
        let payers = Arc::clone(self);
        let settled = run(callers, requests, move |_number| {
            let payers = Arc::clone(&payers);
            async move { payers.settle_one().await }
        });
        settled.await.map_err(|error| error.to_string().into())
    }

    /// Pays what was quoted, so many a second.
    pub(crate) async fn settle_paced(self: &Arc<Self>, per_second: usize, requests: usize) -> Result<Measured, Failed> {
        paced(per_second, requests, |_number| {
            let payers = Arc::clone(self);
            async move { payers.settle_one().await }
        })
        .await
    }
}
