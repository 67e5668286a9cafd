use std::collections::BTreeMap;

use imajin_kernel::{Env, Timestamp};
use imajin_proof::jose::SigningKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerFault {
    /// 503; nothing was done.
    Away,
    /// It was done, and the answer is lost.
    LostAfter,
    /// It was done, and the answer names another amount.
    OtherAmount,
    /// It was done, and the answer leaves everything out.
    Silent,
}

/// A promise that a node has redeemed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redemption {
    /// Who.
    pub node: String,
    /// The visa.
    pub jti: String,
    /// The receipt of it.
    pub receipt: String,
    /// What names the consent of the agent.
    pub claim_digest: String,
    /// How much, as the node wrote it.
    pub amount: Value,
    /// How much, in millionths.
    pub micros: i64,
    /// `accepted`, `credited`, `reversed` or `refused`.
    pub state: &'static str,
}

/// Money that went from one node to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: String,
    /// The sender's name for it.
    pub reference: String,
    /// How much, as the sender wrote it.
    pub amount: Value,
}

struct Promise {
    currency: String,
    left: i64,
}

pub(super) struct State {
    pub(super) env: Env,
    pub(super) origin: String,
    pub(super) key: SigningKey,
    pub(super) old_keys: Vec<SigningKey>,
    pub(super) faults: Vec<(String, BrokerFault, u32)>,
    pub(super) seen: Vec<String>,
    pub(super) window: bool,
    pub(super) redemptions: Vec<Redemption>,
    pub(super) transfers: Vec<Transfer>,
    pub(super) balances: BTreeMap<(String, String), i64>,
    /// Requests that were signed before: each counts once.
    nonces: BTreeMap<(String, String), Timestamp>,
    promises: BTreeMap<String, Promise>,
}

/// What is asked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    jti: String,
    receipt: String,
    amount: Value,
    claim_digest: String,
}

#[derive(Deserialize)]
struct Batch {
    redemptions: Vec<Asked>,
}

#[derive(Deserialize, Serialize)]
struct TransferAsked {
    reference: String,
    to: String,
    amount: Value,
}

/// The status and the body of an answer.
pub(super) type Said = (u16, Value);

impl State {
    pub(super) fn new(env: Env, origin: String, key: SigningKey) -> Self {
        Self {
            env,
            origin,
            key,
            old_keys: Vec::new(),
            faults: Vec::new(),
            seen: Vec::new(),
            window: false,
            redemptions: Vec::new(),
            transfers: Vec::new(),
            balances: BTreeMap::new(),
            nonces: BTreeMap::new(),
            promises: BTreeMap::new(),
        }
    }

    pub(super) fn visa_remember(&mut self, jti: &str, currency: &str, max_micros: i64) {
        let promise = Promise {
            currency: currency.to_owned(),
            left: max_micros,
        };
        self.promises.insert(jti.to_owned(), promise);
    }

    pub(super) fn visa_forget(&mut self, jti: &str) {
        self.promises.remove(jti);
    }

    /// Whether a signed request is the first of its kind.
    pub(super) fn nonce_take(&mut self, node: &str, nonce: &str) -> bool {
        let now = self.env.now();
        let key = (node.to_owned(), nonce.to_owned());
        self.nonces.insert(key, now).is_none()
    }

    pub(super) fn redeem(&mut self, node: &str, body: &[u8]) -> Said {
        let Ok(batch) = serde_json::from_slice::<Batch>(body) else {
            return (400, json!({"detail": "This is no batch of redemptions."}));
        };
        let answers = batch.redemptions.iter().map(|asked| self.redeem_one(node, asked));
        let answers: Vec<Value> = answers.collect();
        (200, json!({"redemptions": answers}))
    }

    fn redeem_one(&mut self, node: &str, asked: &Asked) -> Value {
        let known = self.redemptions.iter().position(|redemption| {
            (redemption.node.as_str(), &redemption.jti, &redemption.receipt) == (node, &asked.jti, &asked.receipt)
        });
        let place = known.unwrap_or_else(|| {
            let made = self.redemption_make(node, asked);
            self.redemptions.push(made);
            self.redemptions.len().saturating_sub(1)
        });
        let Some(redemption) = self.redemptions.get(place) else {
            return Value::Null;
        };
        let reason = match redemption.state {
            "refused" => Some("No such promise, or nothing is left of it."),
            "reversed" => Some("The agent has won a dispute."),
            _ => None,
        };
        json!({
            "jti": asked.jti, "receipt": asked.receipt, "amount": redemption.amount, "state": redemption.state,
            "reference": format!("red_{place}"), "reason": reason,
        })
    }

    fn redemption_make(&mut self, node: &str, asked: &Asked) -> Redemption {
        let money = micros_of(&asked.amount);
        let promise = self.promises.get_mut(&asked.jti);
        let pays = money
            .as_ref()
            .zip(promise)
            .is_some_and(|((micros, currency), promise)| {
                let is_enough =
                    promise.left >= *micros && promise.currency == *currency && !asked.claim_digest.is_empty();
                promise.left = promise.left.saturating_sub(if is_enough { *micros } else { 0 });
                is_enough
            });
        let (micros, currency) = money.unwrap_or_default();
        if pays && !self.window {
            self.credit(node, &currency, micros);
        }
        Redemption {
            node: node.to_owned(),
            jti: asked.jti.clone(),
            receipt: asked.receipt.clone(),
            claim_digest: asked.claim_digest.clone(),
            amount: asked.amount.clone(),
            micros,
            state: match (pays, self.window) {
                (false, _) => "refused",
                (true, true) => "accepted",
                (true, false) => "credited",
            },
        }
    }

    pub(super) fn credit(&mut self, node: &str, currency: &str, micros: i64) {
        let balance = self.balances.entry((node.to_owned(), currency.to_owned())).or_default();
        *balance = balance.saturating_add(micros);
    }

    pub(super) fn window_close(&mut self) {
        let accepted = self.accepted_end("credited");
        for (node, currency, micros) in accepted {
            self.credit(&node, &currency, micros);
        }
    }

    pub(super) fn disputes_win(&mut self) {
        self.accepted_end("reversed");
    }

    fn accepted_end(&mut self, state: &'static str) -> Vec<(String, String, i64)> {
        let open = self.redemptions.iter_mut().filter(|one| one.state == "accepted");
        open.map(|one| {
            one.state = state;
            let currency = micros_of(&one.amount).map(|(_, currency)| currency);
            (one.node.clone(), currency.unwrap_or_default(), one.micros)
        })
        .collect()
    }

    /// Passes money on, once for each of the sender's references.
    pub(super) fn transfer(&mut self, node: &str, body: &[u8]) -> Said {
        let Ok(asked) = serde_json::from_slice::<TransferAsked>(body) else {
            return (400, json!({"detail": "This is no transfer."}));
        };
        let known = self.transfers.iter().find(|one| one.reference == asked.reference);
        if let Some(known) = known {
            let same = (known.from.as_str(), &known.to, &known.amount) == (node, &asked.to, &asked.amount);
            return if same {
                (200, shown(known))
            } else {
                (409, json!({"detail": "This reference names another transfer."}))
            };
        }
        let Some((micros, currency)) = micros_of(&asked.amount) else {
            return (400, json!({"detail": "This is no amount."}));
        };
        let key = (node.to_owned(), currency.clone());
        let has = self.balances.get(&key).copied().unwrap_or(0);
        if has < micros {
            return (402, json!({"detail": "There is less than that."}));
        }
        self.credit(node, &currency, micros.saturating_neg());
        self.credit(&asked.to, &currency, micros);
        let made = Transfer {
            from: node.to_owned(),
            to: asked.to,
            reference: asked.reference,
            amount: asked.amount,
        };
        let answer = (200, shown(&made));
        self.transfers.push(made);
        answer
    }

    /// A transfer, for its two sides.
    pub(super) fn transfer_find(&self, node: &str, reference: &str) -> Said {
        let found = self.transfers.iter().find(|one| one.reference == reference);
        match found.filter(|one| one.from == node || one.to == node) {
            Some(one) => (200, shown(one)),
            None => (404, json!({"detail": "There is no such transfer of yours."})),
        }
    }

    /// What a node has here.
    pub(super) fn account(&self, node: &str) -> Said {
        let own = self.balances.iter().filter(|((owner, _), _)| owner == node);
        let balances: Vec<Value> = own
            .map(|((_, currency), micros)| json!({"currency": currency, "amount": decimal(*micros)}))
            .collect();
        (200, json!({"balances": balances}))
    }
}

fn shown(transfer: &Transfer) -> Value {
    json!({
        "reference": transfer.reference, "from": transfer.from, "to": transfer.to, "amount": transfer.amount,
    })
}

/// The millionths and the currency of an amount on the wire.
pub(super) fn micros_of(amount: &Value) -> Option<(i64, String)> {
    let currency = amount.get("currency")?.as_str()?.to_owned();
    let text = amount.get("amount")?.as_str()?;
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = format!("{part:0<6}");
    let micros = format!("{whole}{part}").parse().ok()?;
    (part.len() == 6).then_some((micros, currency))
}

fn decimal(micros: i64) -> String {
    let (whole, part) = (micros.checked_div(1_000_000), micros.checked_rem(1_000_000));
    let (whole, part) = (whole.unwrap_or(0), part.unwrap_or(0));
    let text = format!("{whole}.{part:06}");
    let trimmed = text.trim_end_matches('0');
    let shortest = text.len().saturating_sub(4);
    text.get(..trimmed.len().max(shortest)).unwrap_or_default().to_owned()
}
