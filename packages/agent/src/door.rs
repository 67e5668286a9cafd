//! How the agent says who it is.

use axum::http::HeaderMap;
use imajin_imagxp::web_bot_auth::BotDraft;
use imajin_imagxp::{Claim, ClaimHeaders, Purpose};
use imajin_kernel::Problem;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::Agent;

/// By which protocol an agent says who it is. What has a price costs the same by each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// A claim, which names a purpose too.
    #[default]
    Claim,
    /// Web Bot Auth: a signature by RFC 9421. It knows no purposes; the site says which one it takes for granted.
    WebBotAuth,
}

impl Door {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    pub(crate) const fn is_claim(&self) -> bool {
        matches!(self, Self::Claim)
    }

    /// What a visa for it is for: one for a purpose pays for that one only.
    pub(crate) const fn purpose(self, wanted: Purpose) -> Option<Purpose> {
        match self {
            Self::Claim => Some(wanted),
            Self::WebBotAuth => None,
        }
    }
}

impl Agent {
    /// The headers of a request that says who asks, and what receipts and disputes call it.
    pub(crate) fn own_headers(&self, door: Door, url: &Url, purpose: Purpose) -> Result<(HeaderMap, String), Problem> {
        match door {
            Door::Claim => self.claim_headers(url, purpose),
            Door::WebBotAuth => self.bot_headers(url),
        }
    }

    /// The headers of a request with a fresh claim, and the digest of the claim.
    pub(crate) fn claim_headers(&self, url: &Url, purpose: Purpose) -> Result<(HeaderMap, String), Problem> {
        let nonce = self.fresh_name();
        let claim = Claim::new(self.home().id(), self.now(), &nonce, url.as_str(), purpose, false);
        let signed = claim.and_then(|claim| Ok((ClaimHeaders::sign(self.key(), &claim)?, claim.digest()?)));
        let wrong = |error| Problem::invalid(format!("A claim for {url}: {error}."));
        let (signed, digest) = signed.map_err(wrong)?;
        let mut headers = self.plain_headers();
        headers.extend(signed);
        Ok((headers, digest))
    }

    /// The headers of a request that is signed by Web Bot Auth, good once and for this URL only.
    fn bot_headers(&self, url: &Url) -> Result<(HeaderMap, String), Problem> {
        let (thumbprint, nonce) = (self.key().thumbprint(), self.fresh_nonce());
        let draft = BotDraft {
            method: "GET",
            url: url.as_str(),
            agent: self.home().id(),
            thumbprint: &thumbprint,
            now: self.now(),
            nonce: &nonce,
        };
        let wrong = |error| Problem::invalid(format!("A signature for {url}: {error}."));
        let (signed, digest) = draft.sign_named(self.key()).map_err(wrong)?;
        let mut headers = self.plain_headers();
        headers.extend(signed);
        Ok((headers, digest))
    }
}
