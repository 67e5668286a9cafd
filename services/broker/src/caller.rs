//! Who calls: an agent, which signs with a key that its domain publishes, or a DID that proves itself.

use axum::extract::{FromRef, FromRequest, Request};
use imajin_did::{Did, Method, P256Key, PublicKey};
use imajin_imagxp::{AgentId, Names};
use imajin_kernel::{Code, Problem};
use imajin_proof::http_sig::{Expectation, SignedRequest, VerifiedRequest};
use imajin_proof::jose::Jwk;
use imajin_web::{Failure, RawRequest, Reach, Site, Tier, Verified};
use serde::de::DeserializeOwned;

use crate::routes::BrokerState;
use crate::{Broker, BrokerError};

/// Somebody who has signed a request. Its nonce is not spent yet.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// An agent.
    Agent(AgentCaller),
    /// A person, a node.
    Did(Verified),
}

/// An agent, and the key of it that has signed.
#[derive(Debug, Clone)]
pub(crate) struct AgentCaller {
    pub(crate) agent: AgentId,
    pub(crate) did: Did,
    pub(crate) key: P256Key,
    pub(crate) contact: Option<String>,
    pub(crate) proof: VerifiedRequest,
}

impl Caller {
    /// Who.
    pub(crate) fn did(&self) -> &Did {
        match self {
            Self::Agent(agent) => &agent.did,
            Self::Did(verified) => verified.did(),
        }
    }

    /// What a visa calls them: the domain of an agent, the DID of everybody else.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Agent(agent) => agent.agent.to_string(),
            Self::Did(verified) => verified.did().canonical().to_string(),
        }
    }

    pub(crate) fn proof(&self) -> &VerifiedRequest {
        match self {
            Self::Agent(agent) => &agent.proof,
            Self::Did(verified) => verified.proof(),
        }
    }

    /// The agent, or a refusal.
    pub(crate) fn agent(&self) -> Result<&AgentCaller, BrokerError> {
        match self {
            Self::Agent(agent) => Ok(agent),
            Self::Did(_) => Err(BrokerError::Forbidden(
                "Only an agent may do this: it signs with the P-256 key of its manifest.",
            )),
        }
    }

    /// Somebody with a DID of their own, or a refusal.
    pub(crate) fn verified(&self) -> Result<&Verified, BrokerError> {
        match self {
            Self::Did(verified) => Ok(verified),
            Self::Agent(_) => Err(BrokerError::Forbidden("Only a node may do this: it signs as its DID.")),
        }
    }

    /// The operator of this node, or a refusal.
    pub(crate) fn operator(&self) -> Result<&Verified, BrokerError> {
        let refused = BrokerError::Forbidden("Only the operator of this node may do this.");
        match self {
            Self::Did(verified) if verified.tier() == Tier::Operator => Ok(verified),
            _ => Err(refused),
        }
    }
}

/// The DID of an agent: that of its domain.
pub(crate) fn agent_did(agent: &AgentId) -> Result<Did, BrokerError> {
    let did = Did::from_web_authority(agent.as_str());
    did.map_err(|_error| BrokerError::Agent(imajin_imagxp::ClaimError::AgentName))
}

/// The agent behind a DID, if it is one of a domain.
pub(crate) fn agent_of(did: &Did, reach: Reach) -> Result<Option<AgentId>, BrokerError> {
    if did.method() != Method::Web {
        return Ok(None);
    }
    let authority = did.specific().replace("%3A", ":").replace("%3a", ":");
    Ok(Some(AgentId::parse(&authority, names(reach))?))
}

/// Which agents are believed to be somewhere.
pub(crate) const fn names(reach: Reach) -> Names {
    match reach {
        Reach::Public => Names::Public,
        Reach::Development => Names::Development,
    }
}

/// A request that somebody has signed, its signature checked, with what its body says.
pub(crate) struct Signed<T> {
    pub(crate) caller: Caller,
    pub(crate) value: T,
    pub(crate) request: SignedRequest,
}

impl<T: DeserializeOwned + Send> FromRequest<BrokerState> for Signed<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &BrokerState) -> Result<Self, Failure> {
        let raw = RawRequest::from_request(request, state).await?;
        let request = raw.signed()?;
        let caller = state.0.caller_of(&request).await.map_err(Problem::from)?;
        let value = raw.json()?;
        Ok(Self { caller, value, request })
    }
}

impl FromRef<BrokerState> for Site {
    fn from_ref(state: &BrokerState) -> Self {
        state.0.site.clone()
    }
}

impl Broker {
    /// The thumbprint of the key that has signed a request which was checked (RFC 7638).
    pub(crate) async fn holder_of(&self, caller: &Caller, request: &SignedRequest) -> Result<String, BrokerError> {
        let verified = match caller {
            Caller::Agent(agent) => return Ok(Jwk::from_key(agent.key.clone()).thumbprint()),
            Caller::Did(verified) => verified,
        };
        let keys = self.site.identities.caller_keys(verified.did()).await?.keys;
        let expect = self.expectation(request);
        let signed = |key: &&PublicKey| request.verify(std::slice::from_ref(*key), &expect).is_ok();
        let key = keys.iter().find(signed);
        let key = key.ok_or_else(|| Problem::new(Code::BadSignature, "The key was replaced just now."))?;
        Ok(Jwk::from_key(*key).thumbprint())
    }

    /// A request is for the method and the URL with which it was called.
    fn expectation<'a>(&self, request: &'a SignedRequest) -> Expectation<'a> {
        Expectation {
            now: self.context.now(),
            target_uri: &request.target_uri,
            method: &request.method,
            tag: None,
        }
    }

    /// Checks who has signed a request: its method and URL are those that were called.
    pub(crate) async fn caller_of(&self, request: &SignedRequest) -> Result<Caller, BrokerError> {
        let refused = |error: imajin_proof::ProofError| Problem::new(error.code(), error.to_string());
        let did = request.keyid().map_err(refused)?;
        let Some(agent) = agent_of(&did, self.context.config.reach)? else {
            let verified = self.site.verify(request, &request.method, &request.target_uri).await?;
            return Ok(Caller::Did(verified));
        };
        let expect = self.expectation(request);
        let try_keys = |keys: &[P256Key]| {
            let mut last = imajin_proof::ProofError::NoKey;
            for key in keys {
                match request.verify(std::slice::from_ref(key), &expect) {
                    Ok(proof) => return Ok((key.clone(), proof)),
                    Err(error) => last = error,
                }
            }
            Err(last)
        };
        let mut manifest = self.agents.manifest(&agent, false).await?;
        let mut checked = try_keys(&manifest.keys);
        if checked.as_ref().is_err_and(|error| error.code() == Code::BadSignature) {
            // The agent may have a new key.
            manifest = self.agents.manifest(&agent, true).await?;
            checked = try_keys(&manifest.keys);
        }
        let (key, mut proof) = checked.map_err(refused)?;
        let did = agent_did(&agent)?;
        proof.did = did.clone();
        Ok(Caller::Agent(AgentCaller {
            contact: manifest.contact.clone(),
            agent,
            did,
            key,
            proof,
        }))
    }
}
