//! A broker on loopback: it promises money to agents, pays each promise once, and passes money on between nodes.
//!
//! It keeps state: a visa is redeemed up to its amount, a redemption is credited to the node that asked for it, a
//! transfer takes from what its sender has, and is shown to both sides. Whoever asks must sign. What a test wants to go
//! wrong goes wrong: answers that are lost, a broker that is away, late, or lies.

mod forgery;
mod http;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::http::Request;
use imajin_did::{Did, VerifyingKey};
use imajin_kernel::{Env, Span};
use imajin_proof::jose::{Algorithm, Jwk, SigningKey, issue};
use imajin_proof::token::{Standard, TokenKind};
use serde::{Deserialize, Serialize};

use state::{State, micros_of};

use crate::served::{Port, Served};

pub use forgery::{Forgery, KeyForm};
pub use state::{BrokerFault, Redemption, Transfer};

/// The claims of a visa beside the standard ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VisaClaims {
    /// Whose key must sign what it pays for, unless whoever has it may spend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// In which currency.
    pub cur: String,
    /// How much, in millionths.
    pub max_micros: i64,
    /// How often.
    pub uses: u32,
}

/// Names a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Confirmation {
    /// The key's thumbprint (RFC 7638).
    pub jkt: String,
}

impl TokenKind for VisaClaims {
    const TYP: &'static str = "pay+jwt";
}

/// A visa that is asked for.
#[derive(Debug, Clone)]
pub struct VisaWish {
    /// The publisher's host.
    pub audience: String,
    /// Whose key may spend it.
    pub holder: VerifyingKey,
    /// The currency.
    pub currency: String,
    /// How much, in millionths.
    pub max_micros: i64,
    /// How often.
    pub uses: u32,
    /// How long.
    pub lifetime: Span,
}

impl VisaWish {
    /// For one payment, for ten minutes.
    pub fn once(audience: &str, holder: impl Into<VerifyingKey>, currency: &str, max_micros: i64) -> Self {
        Self {
            audience: audience.to_owned(),
            holder: holder.into(),
            currency: currency.to_owned(),
            max_micros,
            uses: 1,
            lifetime: Span::minutes(10),
        }
    }
}

/// Whom a visa names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// The publisher and the key.
    Both,
    /// The publisher alone.
    Audience,
    /// The key alone.
    Holder,
    /// Nobody: a bearer's.
    Neither,
}

/// A running broker. It ends with the value.
pub struct BrokerPeer {
    state: Arc<Mutex<State>>,
    env: Env,
    issuer: String,
    _served: Option<Served>,
}

impl BrokerPeer {
    /// Starts a broker on a free port of loopback.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(env: Env) -> Self {
        let port = Port::free().await;
        let origin = port.origin();
        let issuer = format!("{origin}/broker");
        let state = Arc::new(Mutex::new(State::new(env.clone(), origin, key_make(&env))));
        let router = http::router(Arc::clone(&state));
        let served = port.serve(router);
        Self {
            state,
            env,
            issuer,
            _served: Some(served),
        }
    }

    /// A broker that listens nowhere, and is [asked](Self::ask) in memory.
    pub fn unserved(env: Env, origin: &str) -> Self {
        let state = State::new(env.clone(), origin.to_owned(), key_make(&env));
        Self {
            state: Arc::new(Mutex::new(state)),
            env,
            issuer: format!("{origin}/broker"),
            _served: None,
        }
    }

    /// The status and the body of its answer; nothing goes wrong on purpose.
    pub fn ask(&self, request: &Request<Bytes>) -> (u16, serde_json::Value) {
        let (path, mut state) = (request.uri().path(), self.state());
        state.seen.push(path.to_owned());
        state.ask(request.method(), path, request.headers(), request.body())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What its visas name as issuer: beneath it are its keys and its routes.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs a visa, and remembers it.
    pub fn visa(&self, wish: &VisaWish) -> String {
        self.visa_naming(wish, Naming::Both)
    }

    /// As [`BrokerPeer::visa`], for whoever has it.
    pub fn visa_bearer(&self, wish: &VisaWish) -> String {
        self.visa_naming(wish, Naming::Neither)
    }

    /// As [`BrokerPeer::visa`], leaving out what it does not name.
    pub fn visa_naming(&self, wish: &VisaWish, naming: Naming) -> String {
        let jti = hex::encode(self.env.random_bytes::<8>());
        let mut state = self.state();
        state.visa_remember(&jti, &wish.currency, wish.max_micros);
        let key = state.key.clone();
        drop(state);
        self.visa_sign(&key, &jti, (wish, naming))
    }

    /// Forgets a visa that it has signed, as if the promise had been spent elsewhere; answers with its name.
    pub fn visa_take_back(&self, text: &str) -> String {
        let jti = jti_of(text).unwrap_or_default();
        self.state().visa_forget(&jti);
        jti
    }

    fn visa_sign(&self, key: &SigningKey, jti: &str, (wish, naming): (&VisaWish, Naming)) -> String {
        let names = |part: Naming| naming == Naming::Both || naming == part;
        let now = self.env.now();
        let standard = Standard {
            iss: self.issuer.clone(),
            // An empty one is left out.
            aud: Some(wish.audience.clone())
                .filter(|_| names(Naming::Audience))
                .unwrap_or_default(),
            sub: "agent.example".to_owned(),
            jti: jti.to_owned(),
            iat: now,
            exp: now.plus(wish.lifetime),
        };
        let claims = VisaClaims {
            cnf: names(Naming::Holder).then(|| Confirmation {
                jkt: Jwk::from_key(wish.holder.clone()).thumbprint(),
            }),
            cur: wish.currency.clone(),
            max_micros: wish.max_micros,
            uses: wish.uses,
        };
        issue(key, &standard, &claims).unwrap_or_default()
    }

    /// Signs with a new key from here on; the old one stays published.
    pub fn key_rotate(&self) {
        let key = key_make(&self.env);
        let mut state = self.state();
        let old = std::mem::replace(&mut state.key, key);
        state.old_keys.push(old);
    }

    /// Lets the next `times` requests whose path holds `path` go wrong.
    pub fn fault(&self, path: &str, fault: BrokerFault, times: u32) {
        self.state().faults.push((path.to_owned(), fault, times));
    }

    /// Everything works again.
    pub fn faults_clear(&self) {
        self.state().faults.clear();
    }

    /// From here on, what is redeemed waits for the agent's word.
    pub fn dispute_window(&self, is_open: bool) {
        self.state().window = is_open;
    }

    /// The time for disputes is over: everything that was accepted is paid.
    pub fn window_close(&self) {
        self.state().window_close();
    }

    /// The agent wins a dispute about everything that was accepted and not paid.
    pub fn disputes_win(&self) {
        self.state().disputes_win();
    }

    /// All redemptions, in the order in which they came.
    pub fn redemptions(&self) -> Vec<Redemption> {
        self.state().redemptions.clone()
    }

    /// All transfers, in the order in which they came.
    pub fn transfers(&self) -> Vec<Transfer> {
        self.state().transfers.clone()
    }

    /// Money that one node has passed on to another, which nobody here has asked for.
    pub fn transfer_make(&self, from: &Did, to: &Did, reference: &str, money: serde_json::Value) {
        let transfer = Transfer {
            from: from.canonical().to_string(),
            to: to.canonical().to_string(),
            reference: reference.to_owned(),
            amount: money,
        };
        self.state().transfers.push(transfer);
    }

    /// Has one node pass money on to another, out of what it has elsewhere.
    pub fn transfer_pay(&self, from: &Did, to: &Did, reference: &str, money: serde_json::Value) {
        let (micros, currency) = micros_of(&money).unwrap_or_default();
        self.state().credit(to.canonical().as_str(), &currency, micros);
        self.transfer_make(from, to, reference, money);
    }

    /// How many requests there were whose path holds `path`.
    pub fn asked(&self, path: &str) -> usize {
        let state = self.state();
        state.seen.iter().filter(|seen| seen.contains(path)).count()
    }

    /// What a node has here, in millionths.
    pub fn balance(&self, node: &Did, currency: &str) -> i64 {
        let key = (node.canonical().to_string(), currency.to_owned());
        self.state().balances.get(&key).copied().unwrap_or(0)
    }
}

fn key_make(env: &Env) -> SigningKey {
    SigningKey::generate(Algorithm::ES256, env).unwrap_or_else(|error| panic!("no key for the broker: {error}"))
}

/// The name of a token.
fn jti_of(text: &str) -> Option<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let payload = URL_SAFE_NO_PAD.decode(text.split('.').nth(1)?).ok()?;
    let payload: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    Some(payload.get("jti")?.as_str()?.to_owned())
}
