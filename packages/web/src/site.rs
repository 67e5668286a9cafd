use std::sync::Arc;

use async_trait::async_trait;
use imajin_did::{Did, PublicKey, Signature};
use imajin_kernel::{Env, Problem, Timestamp};
use imajin_proof::http_sig::{Expectation, SignedRequest, VerifiedRequest};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::notice::Notice;
use crate::peers::PeerAsked;
use crate::signers::{SignerAsked, SignerKeys};

/// What an identity may do, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// A DID that proves itself but is not registered here.
    Visitor,
    /// A mailbox was proven; the node holds the key.
    Soft,
    /// The person holds the key.
    Key,
    /// Runs this node.
    Operator,
}

/// Who holds an identity's private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Custody {
    /// The identity itself.
    Own,
    /// This node, sealed; it signs for the identity and says so.
    Node,
}

/// The keys that may sign for an identity now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallerKeys {
    /// The native form of the DID.
    pub did: Did,
    /// Keys whose signatures count.
    pub keys: Vec<PublicKey>,
    /// What the identity may do here.
    pub tier: Tier,
    /// Who holds the private key.
    pub custody: Custody,
}

/// A session as other services see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// Whose session it is.
    pub did: Did,
    /// The unique handle, if one was chosen.
    pub handle: Option<String>,
    /// The display name.
    pub name: Option<String>,
    /// What the identity may do here.
    pub tier: Tier,
    /// Who holds the private key.
    pub custody: Custody,
    /// When the session ends by itself.
    pub expires_at: Timestamp,
}

/// What the shell needs to know about identities. Auth's client implements it.
#[async_trait]
pub trait Identities: Send + Sync {
    /// The keys of a DID: of a registered identity the current ones, else those that the DID itself names.
    async fn caller_keys(&self, did: &Did) -> Result<CallerKeys, Problem>;

    /// The keys whose signatures of that moment count: what was signed before a key was replaced goes on to hold, and
    /// what was signed with it afterwards does not. Whose keys contradict each other, and who has ended the identity,
    /// signs nothing. By default, where no history of keys is known, those of now.
    async fn signer_keys(&self, asked: &SignerAsked) -> Result<SignerKeys, Problem> {
        let caller = self.caller_keys(&asked.did).await?;
        Ok(SignerKeys::of_caller(caller, asked.at))
    }

    /// The DID itself, and the soft identities that it has claimed: whose things are its own, the DID first.
    async fn holdings(&self, did: &Did) -> Result<Vec<Did>, Problem> {
        Ok(vec![did.clone()])
    }

    /// Whether this node talks to another one. By default it talks to all.
    ///
    /// # Errors
    /// [`Forbidden`](imajin_kernel::Code::Forbidden) when its operator has said that it does not.
    async fn peer_check(&self, _peer: &PeerAsked) -> Result<(), Problem> {
        Ok(())
    }

    /// Takes a notice, to be written to the mailboxes that its addressee has proven; it is kept when this returns. By
    /// default, where nobody knows mailboxes, it goes nowhere.
    async fn notice_send(&self, _notice: &Notice) -> Result<(), Problem> {
        Ok(())
    }

    /// The session behind a cookie or bearer token; `None` when it is unknown, ended or revoked.
    async fn session_view(&self, token: &str) -> Result<Option<SessionView>, Problem>;
}

/// The URL under which a listener is reached from outside, from the configuration. Signed URLs are compared with it,
/// never with a header of the request.
#[derive(Debug, Clone)]
pub struct PublicBase(pub Url);

impl PublicBase {
    /// The absolute URL of a path (with query) on this listener.
    pub fn absolute(&self, path_and_query: &str) -> String {
        format!("{}{}", self.origin(), path_and_query)
    }

    /// Scheme, host and port, without a trailing slash.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The host, with its port if it is not the usual one: what visas name.
    pub fn audience(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        let port = self.0.port();
        port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

/// What every handler may ask of its surroundings.
#[derive(Clone)]
pub struct Site {
    /// Time and randomness.
    pub env: Env,
    /// The main public URL of the node.
    pub public: PublicBase,
    /// Who is who.
    pub identities: Arc<dyn Identities>,
}

/// A request whose signature was checked against the caller's current keys.
///
/// There is no other way to get one, so holding it is the proof of authentication. Its nonce is not spent yet: that
/// happens in the transaction of the mutation that it authorises.
#[derive(Debug, Clone)]
pub struct Verified {
    caller: CallerKeys,
    proof: VerifiedRequest,
}

impl Verified {
    /// Who signed, in the native form.
    pub fn did(&self) -> &Did {
        &self.caller.did
    }

    /// What the signer may do here.
    pub fn tier(&self) -> Tier {
        self.caller.tier
    }

    /// Whether one of these keys has signed.
    pub fn is_by(&self, keys: &[PublicKey]) -> bool {
        let is_signer = |key: &PublicKey| key.verify(self.proof.base.as_bytes(), &self.proof.signature).is_ok();
        keys.iter().any(is_signer)
    }

    /// Who held the key that signed.
    pub fn custody(&self) -> Custody {
        self.caller.custody
    }

    /// What is stored beside a row that this request has changed.
    pub fn row_proof(&self) -> RowProof<'_> {
        RowProof {
            did: &self.proof.did,
            base: &self.proof.base,
            signature: self.proof.signature,
            custody: self.caller.custody,
        }
    }

    /// What goes into the mutation log.
    pub fn proof(&self) -> &VerifiedRequest {
        &self.proof
    }
}

/// What authorised a row, as it is stored beside it: what was signed, by whom, and who held the key.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RowProof<'a> {
    did: &'a Did,
    base: &'a str,
    signature: Signature,
    custody: Custody,
}

impl Site {
    /// Checks the RFC 9421 signature of a request that was made with `method` to `target_uri`.
    ///
    /// # Errors
    /// [`Unauthenticated`](imajin_kernel::Code::Unauthenticated),
    /// [`BadSignature`](imajin_kernel::Code::BadSignature),
    /// [`StaleSignature`](imajin_kernel::Code::StaleSignature), or what the key lookup says.
    pub async fn verify(&self, request: &SignedRequest, method: &str, target_uri: &str) -> Result<Verified, Problem> {
        let keyid = request
            .keyid()
            .map_err(|error| Problem::new(error.code(), error.to_string()))?;
        let caller = self.identities.caller_keys(&keyid).await?;
        let expect = Expectation {
            now: self.env.now(),
            target_uri,
            method,
            tag: None,
        };
        let mut proof = request
            .verify(&caller.keys, &expect)
            .map_err(|error| Problem::new(error.code(), error.to_string()))?;
        proof.did = caller.did.clone();
        Ok(Verified { caller, proof })
    }
}
