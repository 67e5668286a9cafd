//! Who is who, as far as the tests need it: whoever is in the list is registered, and a session's token is the DID.

use std::collections::BTreeMap;
use std::sync::Mutex;

use imajin_did::{Did, PublicKey};
use imajin_kernel::{Problem, Timestamp};
use imajin_web::macro_support::async_trait;
use imajin_web::{CallerKeys, Custody, Identities, SessionView, SignerAsked, SignerKeys, Tier};

/// Auth, for one test.
#[derive(Default)]
pub(crate) struct People {
    pub(crate) tiers: Mutex<BTreeMap<Did, Tier>>,
    /// Whoever has another key now, since a moment.
    pub(crate) rotated: Mutex<BTreeMap<Did, (Timestamp, PublicKey)>>,
}

impl People {
    fn keys_at(&self, did: &Did, at: Option<Timestamp>) -> (Vec<PublicKey>, Vec<PublicKey>) {
        let first: Vec<PublicKey> = did.public_key().into_iter().collect();
        match self.rotated.lock().unwrap().get(did) {
            Some((since, key)) if at.is_none_or(|at| at >= *since) => (vec![*key], first),
            Some((_since, key)) => (first, vec![*key]),
            None => (first, Vec::new()),
        }
    }
}

#[async_trait]
impl Identities for People {
    async fn caller_keys(&self, did: &Did) -> Result<CallerKeys, Problem> {
        let did = did.canonical();
        let tier = self.tiers.lock().unwrap().get(&did).copied();
        Ok(CallerKeys {
            keys: self.keys_at(&did, None).0,
            did,
            tier: tier.unwrap_or(Tier::Visitor),
            custody: Custody::Own,
        })
    }

    async fn signer_keys(&self, asked: &SignerAsked) -> Result<SignerKeys, Problem> {
        let did = asked.did.canonical();
        let (keys, others) = self.keys_at(&did, asked.at);
        Ok(SignerKeys {
            did,
            at: asked.at,
            keys,
            others,
        })
    }

    async fn session_view(&self, token: &str) -> Result<Option<SessionView>, Problem> {
        let Ok(did) = token.parse::<Did>() else { return Ok(None) };
        let tier = self.tiers.lock().unwrap().get(&did).copied();
        Ok(tier.map(|tier| SessionView {
            did,
            handle: None,
            name: None,
            tier,
            custody: Custody::Own,
            expires_at: Timestamp::from_seconds(4_000_000_000),
        }))
    }
}
