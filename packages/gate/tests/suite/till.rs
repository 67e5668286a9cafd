//! A till in memory: real visas of a broker in the test, spent up to their amount. It keeps no ledger.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use imajin_fair::{ManifestId, Terms};
use imajin_gate::{Charge, Charged, ManifestShown, Till};
use imajin_imagxp::visa::{Visa, VisaDraft, VisaExpectation, visa_verify};
use imajin_kernel::{Code, Env, Problem, Span};
use imajin_proof::jose::{Algorithm, Jwks, SigningKey, issue};
use imajin_proof::token::{Standard, TokenKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{BROKER, HOST};

pub(crate) struct TestTill {
    env: Env,
    broker: SigningKey,
    state: Mutex<State>,
}

/// What a bearer's visa says beside the standard claims.
#[derive(Serialize, Deserialize)]
struct Bearer {
    cur: String,
    max_micros: i64,
    uses: u32,
}

impl TokenKind for Bearer {
    const TYP: &'static str = "pay+jwt";
}

#[derive(Default)]
struct State {
    spent: BTreeMap<String, (i64, u32)>,
    repeated: BTreeMap<(String, String, String), String>,
    receipts: usize,
    payers: BTreeMap<String, String>,
    is_away: bool,
}

impl TestTill {
    pub(crate) fn new(env: Env) -> Self {
        Self {
            broker: SigningKey::generate(Algorithm::ES256, &env).unwrap(),
            env,
            state: Mutex::default(),
        }
    }

    pub(crate) fn visa(&self, holder: &str, publisher: &str, max: &str, uses: u32) -> String {
        let jti = format!("{:x}", u64::from_be_bytes(self.env.random_bytes::<8>()));
        let draft = VisaDraft {
            issuer: BROKER,
            publisher,
            agent: "bot.example.org",
            holder,
            jti: &jti,
            now: self.env.now(),
            lifetime: Span::minutes(10),
            max: max.parse().unwrap(),
            uses,
            purpose: None,
        };
        draft.issue(&self.broker).unwrap()
    }

    /// A visa that names neither a publisher nor a key.
    pub(crate) fn bearer(&self, max_micros: i64, uses: u32) -> String {
        let now = self.env.now();
        let standard = Standard {
            iss: BROKER.to_owned(),
            aud: String::new(),
            sub: "somebody".to_owned(),
            jti: format!("{:x}", u64::from_be_bytes(self.env.random_bytes::<8>())),
            iat: now,
            exp: now.plus(Span::minutes(10)),
        };
        let claims = Bearer {
            cur: "USD".to_owned(),
            max_micros,
            uses,
        };
        issue(&self.broker, &standard, &claims).unwrap()
    }

    pub(crate) fn away_set(&self, is_away: bool) {
        self.state.lock().unwrap().is_away = is_away;
    }

    /// What was charged in all, in millionths.
    pub(crate) fn total(&self) -> i64 {
        self.state.lock().unwrap().spent.values().map(|(units, _)| units).sum()
    }

    fn verified(&self, charge: &Charge) -> Result<Visa, Problem> {
        let holders = [charge.holder.clone()];
        let expect = VisaExpectation {
            issuer: BROKER,
            audience: HOST,
            holders: &holders,
            purpose: Some(charge.purpose),
            takes_bearer: charge.takes_bearer,
            now: self.env.now(),
        };
        let keys = Jwks::new(vec![self.broker.jwk().clone()]).unwrap();
        let visa = visa_verify(&charge.visa, &keys, &expect);
        visa.map_err(|error| Problem::new(Code::PaymentFailed, error.to_string()))
    }
}

fn left(state: &State, visa: &Visa, charge: &Charge) -> Result<(i64, u32), Problem> {
    let (units, uses) = state.spent.get(&visa.jti).copied().unwrap_or((0, 0));
    let units = units + charge.price.amount.micros();
    if units > visa.max.amount.micros() || uses >= visa.uses {
        return Err(Problem::new(Code::PaymentFailed, "the visa is spent"));
    }
    Ok((units, uses + 1))
}

#[async_trait]
impl Till for TestTill {
    async fn terms(&self, path: &str, _fair: Option<&ManifestId>) -> Result<Option<Terms>, Problem> {
        let prohibits = serde_json::json!({"train": {"price": "prohibited"}});
        Ok(path.starts_with("/paid/").then(|| Terms::try_from(prohibits).unwrap()))
    }

    async fn manifest(&self, fair: &ManifestId) -> Result<Option<ManifestShown>, Problem> {
        Ok(Some(ManifestShown {
            url: format!("https://node.example/fair/{fair}"),
            digest: "ab".repeat(32),
        }))
    }

    async fn check(&self, charge: &Charge) -> Result<(), Problem> {
        let visa = self.verified(charge)?;
        let state = self.state.lock().unwrap();
        let name = charge.retry_key.clone();
        let name = name.map(|key| (charge.agent.clone(), charge.url.clone(), key));
        if name.is_some_and(|name| state.repeated.contains_key(&name)) {
            return Ok(());
        }
        left(&state, &visa, charge).map(|_left| ())
    }

    async fn charge(&self, charge: &Charge) -> Result<Charged, Problem> {
        let visa = self.verified(charge)?;
        let mut state = self.state.lock().unwrap();
        if state.is_away {
            return Err(Problem::unavailable("The ledger"));
        }
        let name = charge.retry_key.clone();
        let name = name.map(|key| (charge.agent.clone(), charge.url.clone(), key));
        if let Some(receipt) = name.as_ref().and_then(|name| state.repeated.get(name)) {
            return Ok(Charged {
                receipt: receipt.clone(),
                is_repeated: true,
            });
        }
        let now = left(&state, &visa, charge)?;
        state.spent.insert(visa.jti, now);
        state.receipts += 1;
        let receipt = format!("receipt-{}", state.receipts);
        state.payers.insert(receipt.clone(), charge.agent.clone());
        if let Some(name) = name {
            state.repeated.insert(name, receipt.clone());
        }
        Ok(Charged {
            receipt,
            is_repeated: false,
        })
    }

    async fn receipt(&self, receipt: &str, agent: &str) -> Result<Option<Value>, Problem> {
        let state = self.state.lock().unwrap();
        let is_theirs = state.payers.get(receipt).is_some_and(|payer| payer == agent);
        Ok(is_theirs.then(|| json!({ "id": receipt })))
    }
}
