use imajin_imagxp::Purpose;
use imajin_imagxp::visa::{VisaError, VisaExpectation, visa_issuer, visa_verify};
use imajin_proof::token::TokenError;

pub(crate) use imajin_imagxp::visa::Visa;

use super::{Brokers, untrusted};
use crate::PayError;

/// What a visa is asked for.
pub(crate) struct VisaAsked<'a> {
    pub(crate) token: &'a str,
    /// The keys of whoever wants to pay with it, by their thumbprints.
    pub(crate) holder: &'a [String],
    /// Whom it must name; this node when nothing is said.
    pub(crate) audience: Option<&'a str>,
    /// What it is to pay for.
    pub(crate) purpose: Option<Purpose>,
    /// Whether it may name neither of them, and be good for whoever has it.
    pub(crate) takes_bearer: bool,
}

impl Brokers {
    /// Checks a visa: a trusted broker has signed it, for this node, for whoever asks, and not too long ago. A bearer's
    /// is for nobody by name, and counts where that is asked for.
    pub(crate) async fn visa_verify(&self, asked: &VisaAsked<'_>) -> Result<Visa, PayError> {
        let issuer = visa_issuer(asked.token).map_err(refused)?;
        if !self.known.contains_key(&issuer) {
            return Err(untrusted());
        }
        let expect = VisaExpectation {
            issuer: &issuer,
            audience: asked.audience.unwrap_or(&self.audience),
            holders: asked.holder,
            purpose: asked.purpose,
            takes_bearer: asked.takes_bearer,
            now: self.env.now(),
        };
        let keys = self.keys(&issuer, false).await?;
        let visa = match visa_verify(asked.token, &keys, &expect) {
            Err(VisaError::Token(TokenError::UnknownKey)) => {
                visa_verify(asked.token, &self.keys(&issuer, true).await?, &expect)
            }
            known => known,
        };
        let visa = visa.map_err(refused)?;
        if visa.max.asset.is_test() && !self.test_money {
            let problem = "It is a promise of test money, and this node takes real money.";
            return Err(PayError::Visa(problem.to_owned()));
        }
        Ok(visa)
    }
}

fn refused(error: VisaError) -> PayError {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    PayError::Visa(first.into_iter().chain(letters).chain(['.']).collect())
}
