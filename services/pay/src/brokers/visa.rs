use imajin_kernel::{Span, Timestamp};
use imajin_money::{Amount, Asset, Money};
use imajin_proof::digest::sha256_hex;
use imajin_proof::jose::{Expect, verify};
use imajin_proof::token::{Token, TokenError, TokenKind, issuer_claimed};
use serde::{Deserialize, Serialize};

use super::{Brokers, untrusted};
use crate::PayError;

/// The longest life of a visa.
const LIFETIME_MAX: Span = Span::hours(1);
/// The longest name in a visa.
const NAME_BYTES_MAX: usize = 200;

/// The claims of a visa beside the standard ones. Others, which other publishers ask for, decide nothing here.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct VisaClaims {
    cnf: Confirmation,
    cur: String,
    max_micros: i64,
    #[serde(default = "once")]
    uses: u32,
}

const fn once() -> u32 {
    1
}

/// Whose key must sign whatever the visa pays for (RFC 7800, RFC 9449 section 6.1).
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Confirmation {
    jkt: String,
}

impl TokenKind for VisaClaims {
    const TYP: &'static str = "pay+jwt";
}

/// A visa whose signature was checked, and that is for this node and for whoever holds these keys.
#[derive(Debug, Clone)]
pub(crate) struct Visa {
    pub(crate) issuer: String,
    pub(crate) jti: String,
    /// Whom the broker has promised it to.
    pub(crate) agent: String,
    /// The thumbprint of the key that may spend it.
    pub(crate) holder: String,
    /// What it pays at most, in all.
    pub(crate) max: Money,
    pub(crate) uses: u32,
    pub(crate) expires_at: Timestamp,
    /// Names the token: SHA-256, in hex.
    pub(crate) digest: String,
}

/// What a visa is asked for.
pub(crate) struct VisaAsked<'a> {
    pub(crate) token: &'a str,
    /// The keys of whoever wants to pay with it, by their thumbprints.
    pub(crate) holder: &'a [String],
}

impl Brokers {
    /// Checks a visa: a trusted broker has signed it, for this node, for whoever asks, and not too long ago.
    pub(crate) async fn visa_verify(&self, asked: &VisaAsked<'_>) -> Result<Visa, PayError> {
        let issuer = issuer_claimed(asked.token).map_err(refused)?;
        if !self.known.contains_key(&issuer) {
            return Err(untrusted());
        }
        let token = match self.token_verify(asked.token, &issuer, false).await? {
            Err(TokenError::UnknownKey) => self.token_verify(asked.token, &issuer, true).await?,
            known => known,
        };
        let Token { standard, claims, .. } = token.map_err(refused)?;
        let wrong = |problem: &str| PayError::Visa(problem.to_owned());
        if standard.exp.since(standard.iat) > LIFETIME_MAX {
            return Err(wrong("It lasts longer than an hour."));
        }
        let names = [&standard.jti, &standard.sub];
        if names.iter().any(|name| name.is_empty() || name.len() > NAME_BYTES_MAX) {
            return Err(wrong("Its name, or that of its agent, is missing or too long."));
        }
        let holder = claims.cnf.jkt;
        if !asked.holder.contains(&holder) {
            return Err(wrong("It was promised to the holder of another key."));
        }
        let asset: Asset = claims
            .cur
            .parse()
            .map_err(|_unknown| wrong("Its currency is unknown."))?;
        if asset.is_test() && !self.test_money {
            return Err(wrong("It is a promise of test money, and this node takes real money."));
        }
        let max = Amount::from_micros(claims.max_micros).ok();
        let max = max.filter(|max| !max.is_zero() && asset.scale() == MICRO_DIGITS && claims.uses > 0);
        Ok(Visa {
            issuer,
            jti: standard.jti,
            agent: standard.sub,
            holder,
            max: Money::new(max.ok_or_else(|| wrong("It is a promise of nothing."))?, asset),
            uses: claims.uses,
            expires_at: standard.exp,
            digest: sha256_hex(asked.token.as_bytes()),
        })
    }

    async fn token_verify(
        &self,
        text: &str,
        issuer: &str,
        again: bool,
    ) -> Result<Result<Token<VisaClaims>, TokenError>, PayError> {
        let keys = self.keys(issuer, again).await?;
        let expect = Expect {
            iss: issuer,
            aud: &self.audience,
            now: self.env.now(),
        };
        Ok(verify(text, &keys, &expect))
    }
}

/// Visas count in millionths.
const MICRO_DIGITS: u32 = 6;

fn refused(error: TokenError) -> PayError {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    PayError::Visa(first.into_iter().chain(letters).chain(['.']).collect())
}
