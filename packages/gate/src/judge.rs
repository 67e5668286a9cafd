//! The order of a decision: identity, replay, purpose, payment, access.

use http::HeaderMap;
use imajin_imagxp::pay_per_crawl::{CrawlerError, Offer};
use imajin_imagxp::policy::{AccessTerms, Decision, Due, Policy, Visitor, looks_like_a_browser};
use imajin_imagxp::rsl::license_read;
use imajin_imagxp::visa::visa_read;
use imajin_imagxp::x402::Payment;
use imajin_imagxp::{
    ClaimError, PaymentRequired, Refusal, VisitorType, ad_proof_read, ad_proof_verify, is_ambiguous_path,
};
use imajin_kernel::{Code, Problem};
use imajin_money::Money;
use imajin_proof::token::TokenError;

use crate::identity::{Unproven, x402_payment};
use crate::retry::retry_key;
use crate::{Asked, Charge, Gate, Heard, Identified, bearer};

/// The longest path with its query: as much as common servers take.
const PATH_BYTES_MAX: usize = 8 * 1024;

/// A request that gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// Who, if anybody says so and proves it.
    pub identity: Option<Identified>,
    /// What the visitor turned out to be.
    pub visitor: VisitorType,
    /// What holds for it.
    pub terms: AccessTerms,
    /// What is charged once the answer is a good one.
    pub charge: Option<Charge>,
    /// Why, in one sentence.
    pub reason: String,
    /// What became of the agent's feedback, if it has sent any.
    pub feedback: Option<Heard>,
    /// The broker's network, when the client pays by x402.
    pub(crate) x402_network: Option<String>,
}

/// A request that does not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// How.
    pub refusal: Refusal,
    /// Who, if it is proven.
    pub identity: Option<Identified>,
    /// What the visitor turned out to be.
    pub visitor: VisitorType,
    /// Why, in one sentence.
    pub detail: String,
    /// What has to be paid.
    pub required: Option<PaymentRequired>,
    /// What is wrong with what a crawler offers.
    pub crawler: Option<CrawlerError>,
    /// Something here is away: the visitor is not to blame, and comes again.
    pub is_away: bool,
    /// What became of the agent's feedback, if it has sent any.
    pub feedback: Option<Heard>,
}

/// What is decided about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It gets in.
    Admitted(Box<Admitted>),
    /// It does not.
    Refused(Box<Refused>),
}

impl Refused {
    pub(crate) fn new(refusal: Refusal, visitor: VisitorType, detail: impl Into<String>) -> Self {
        Self {
            refusal,
            identity: None,
            visitor,
            detail: detail.into(),
            required: None,
            crawler: None,
            is_away: false,
            feedback: None,
        }
    }

    /// Something here did not answer.
    pub(crate) fn of_problem(problem: &Problem, visitor: VisitorType) -> Self {
        Self {
            is_away: is_undecided(problem),
            ..Self::new(Refusal::PaymentDenied, visitor, problem.detail.clone())
        }
    }

    /// What has a price is paid for an answer, and a connection that changes its protocol gives none.
    pub(crate) fn of_upgrade(admitted: &Admitted) -> Self {
        let detail = "what has a price is not passed on over a connection that changes its protocol";
        Self {
            identity: admitted.identity.clone(),
            feedback: admitted.feedback.clone(),
            ..Self::new(Refusal::PolicyDenied, admitted.visitor, detail)
        }
    }

    fn by(self, identity: Identified) -> Self {
        Self {
            identity: Some(identity),
            ..self
        }
    }
}

impl From<Unproven> for Refused {
    fn from(unproven: Unproven) -> Self {
        Self {
            is_away: unproven.is_away,
            ..Self::new(unproven.refusal, VisitorType::UnidentifiedBot, unproven.detail)
        }
    }
}

impl From<ClaimError> for Refused {
    fn from(error: ClaimError) -> Self {
        Unproven::from(error).into()
    }
}

/// Whether a problem leaves open what became of a payment: something is away, or an earlier request for the same is not
/// decided yet.
pub fn is_undecided(problem: &Problem) -> bool {
    matches!(
        problem.code,
        Code::Unavailable
            | Code::Internal
            | Code::Timeout
            | Code::RateLimited
            | Code::IdempotencyInFlight
            | Code::IdempotencyMismatch
            | Code::Conflict
    )
}

impl Gate {
    /// Decides about a request. A claim that counts is spent; nothing is charged yet.
    pub async fn judge(&self, asked: &Asked<'_>) -> Judgement {
        let mut heard = None;
        match self.try_admit(asked, &mut heard).await {
            Ok(admitted) => Judgement::Admitted(Box::new(Admitted {
                feedback: heard,
                ..admitted
            })),
            Err(refused) => Judgement::Refused(Box::new(Refused {
                feedback: heard,
                ..*refused
            })),
        }
    }

    /// `heard` becomes what is said about the agent's feedback, however the rest ends.
    async fn try_admit(&self, asked: &Asked<'_>, heard: &mut Option<Heard>) -> Result<Admitted, Box<Refused>> {
        if asked.path_and_query.len() > PATH_BYTES_MAX {
            return Err(Refused::from(ClaimError::Malformed("the address has more than 8 KiB")).into());
        }
        if is_ambiguous_path(asked.path_and_query) {
            let wrong = "the path has . or .. as a segment, or a slash behind a `;`: ask for the page where it is";
            return Err(Refused::from(ClaimError::Malformed(wrong)).into());
        }
        let payment = x402_payment(asked.headers).map_err(Refused::from)?;
        let mut identity = self.identify(asked, payment.as_ref()).await.map_err(Refused::from)?;
        if let Some(identity) = &mut identity {
            let said = identity.feedback.take();
            // At the same moment, so that the page waits for one of them: a database writes both together.
            let (spent, kept) = tokio::join!(self.spend(identity), self.feedback_keep(&identity.agent, said));
            *heard = kept;
            spent?;
        }
        let visitor = match &identity {
            Some(identity) => Visitor::Agent {
                purpose: identity.purpose,
                binding: identity.binding,
                is_ad_proven: self.ad_is_proven(asked, identity).await?,
            },
            None => Visitor::Silent {
                is_browser: looks_like_a_browser(asked.headers),
            },
        };
        let decision = self.decide(asked, visitor).await?;
        let charge = match (decision.due, identity.as_ref()) {
            (Due::Pass, _) => None,
            (Due::Pay(price), Some(identity)) => {
                let payable = self.payable(asked, payment.as_ref(), identity, &decision, price).await;
                Some(payable.map_err(|refused| refused.by(identity.clone()))?)
            }
            (Due::Pay(_), None) => {
                let refused = Refused::new(Refusal::IdentityRequired, decision.visitor, decision.reason.to_string());
                return Err(refused.into());
            }
            (Due::Refuse(refusal), identity) => {
                let mut refused = Refused::new(refusal, decision.visitor, decision.reason.to_string());
                refused.identity = identity.cloned();
                return Err(refused.into());
            }
        };
        let x402_network = charge
            .is_some()
            .then(|| payment.map(|payment| payment.accepted.network));
        Ok(Admitted {
            identity,
            visitor: decision.visitor,
            terms: decision.terms,
            charge,
            reason: decision.reason.to_string(),
            feedback: None,
            x402_network: x402_network.flatten(),
        })
    }

    /// After the signature was checked: a flood of signatures that do not fit fills no memory.
    async fn spend(&self, identity: &Identified) -> Result<(), Box<Refused>> {
        if self.is_dry() {
            return Ok(());
        }
        let spent = self.replays().spend(
            identity.agent.as_str(),
            &identity.replay_key,
            identity.kept_until,
            self.now(),
        );
        match spent.await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let detail = "this claim was used before: sign a new one, with another nonce";
                let refused = Refused::new(Refusal::ReplayAttack, VisitorType::VerifiedAgent, detail);
                Err(refused.by(identity.clone()).into())
            }
            Err(problem) => Err(Refused::of_problem(&problem, VisitorType::VerifiedAgent).into()),
        }
    }

    /// Whether the network of the policy vouches for the agent, where that pays.
    async fn ad_is_proven(&self, asked: &Asked<'_>, identity: &Identified) -> Result<bool, Box<Refused>> {
        let policy = self.policy();
        let terms = policy.terms(asked.path_and_query, Some(identity.purpose));
        let proof = ad_proof_read(asked.headers).ok().flatten();
        let (Some(proof), Some(ads)) = (proof, policy.ads.as_ref().filter(|_| terms.allow_ads)) else {
            return Ok(false);
        };
        for again in [false, true] {
            let keys = self.directory().network_keys(&ads.jwks, again).await;
            let Some(keys) = keys.map_err(|busy| Refused::from(Unproven::from(busy)).by(identity.clone()))? else {
                return Ok(false);
            };
            let (audience, agent) = (self.audience(), &identity.agent);
            match ad_proof_verify(proof, &keys, &ads.issuer, audience, agent, self.now()) {
                Ok(()) => return Ok(true),
                // The network may have changed its keys.
                Err(TokenError::UnknownKey) => {}
                Err(error) => {
                    tracing::debug!(%agent, %error, "a proof of advertisements does not count");
                    return Ok(false);
                }
            }
        }
        Ok(false)
    }

    async fn decide(&self, asked: &Asked<'_>, visitor: Visitor) -> Result<Decision, Box<Refused>> {
        let decided = self.preview(&self.policy(), asked.path_and_query, visitor).await;
        decided.map_err(|problem| Refused::of_problem(&problem, VisitorType::VerifiedAgent).into())
    }

    /// What a policy says about a request to this site. Nothing is spent, charged or written down.
    ///
    /// # Errors
    /// When the terms of the work cannot be looked up.
    pub async fn preview(&self, policy: &Policy, path: &str, visitor: Visitor) -> Result<Decision, Problem> {
        let Visitor::Agent { purpose, .. } = visitor else {
            return Ok(policy.decide(path, visitor, None));
        };
        let fair = policy.terms(path, Some(purpose)).fair.clone();
        let work = self.till().terms(path, fair.as_ref()).await?;
        Ok(policy.decide(path, visitor, work.as_ref()))
    }

    /// Whether a request pays what is due.
    async fn payable(
        &self,
        asked: &Asked<'_>,
        payment: Option<&Payment>,
        identity: &Identified,
        decision: &Decision,
        price: Money,
    ) -> Result<Charge, Refused> {
        let policy = self.policy();
        let required = |refusal, detail: String| Refused {
            required: Some(PaymentRequired {
                resource: asked.url.to_owned(),
                purpose: identity.purpose,
                price,
                brokers: policy.issuers(),
                bearer: policy.bearer_issuers(),
                audience: self.audience().to_owned(),
                policy: self.links().policy(),
            }),
            ..Refused::new(refusal, decision.visitor, detail)
        };
        let offer = Offer::read(asked.headers).and_then(|offer| offer.map_or(Ok(()), |offer| offer.agrees(price)));
        if let Err(error) = offer {
            return Err(Refused {
                crawler: Some(error),
                ..required(Refusal::PaymentRequired, error.to_string())
            });
        }
        if payment.is_some_and(|payment| payment.accepted.price() != Some(price)) {
            let detail = format!("the price is {price}, and the payment is for another one");
            return Err(required(Refusal::PaymentRequired, detail));
        }
        let visa = match payment {
            Some(payment) => Some(payment.payload.visa.as_str()),
            None => visa_of(asked.headers)?,
        };
        let Some(visa) = visa else {
            let detail = format!(
                "it costs {price}: send a visa of one of the brokers, for {}",
                self.audience()
            );
            return Err(required(Refusal::PaymentRequired, detail));
        };
        let takes_bearer = match bearer::takes(visa, &policy, identity.binding) {
            Ok(takes_bearer) => takes_bearer,
            Err(why) => return Err(Refused::new(Refusal::PaymentDenied, decision.visitor, why)),
        };
        let charge = Charge {
            visa: visa.to_owned(),
            holder: identity.thumbprint.clone(),
            takes_bearer,
            agent: identity.agent.to_string(),
            purpose: identity.purpose,
            price,
            url: asked.url.to_owned(),
            claim_digest: identity.digest.clone(),
            fair: decision.terms.fair.clone(),
            claim: identity.claim.clone(),
            retry_key: retry_key(asked, payment)?,
        };
        if self.is_dry() {
            return Ok(charge);
        }
        match self.till().check(&charge).await {
            Ok(()) => Ok(charge),
            Err(problem) => Err(Refused::of_problem(&problem, decision.visitor)),
        }
    }
}

/// The visa of a request, at whichever door.
pub(crate) fn visa_of(headers: &HeaderMap) -> Result<Option<&str>, ClaimError> {
    match visa_read(headers)? {
        Some(visa) => Ok(Some(visa)),
        None => license_read(headers),
    }
}
